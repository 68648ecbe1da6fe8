#!/usr/bin/env bash
# Installs the headers of an FFmpeg of which this Debian machine has the libraries alone, from the
# source that they were built from. Needs root, dpkg-dev, make and a C compiler.
#
#   tools/ffmpeg_headers.sh libavcodec62 /usr/local     that package's FFmpeg, to /usr/local/include
set -euo pipefail

readonly PACKAGE="$1" PREFIX="$2"

version="$(dpkg-query --show --showformat='${source:Version}' "$PACKAGE")"
sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list
# The lists of a mirror that stands still are out of date, and signed all the same.
apt-get -qq -o Acquire::Check-Valid-Until=false update
cd "$(mktemp -d)"
apt-get -qq source "ffmpeg=$version"
cd ffmpeg-*/
./configure --prefix="$PREFIX" --disable-autodetect --disable-x86asm >/dev/null
make install-headers >/dev/null
