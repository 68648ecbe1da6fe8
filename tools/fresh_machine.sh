#!/usr/bin/env bash
# Runs the README's two commands as a newcomer would: on a Debian machine that has only Node and
# npm, in a fresh clone of this project. The machine is a chroot made with debootstrap.
#
#   sudo tools/fresh_machine.sh                                 the last commit, both commands
#   sudo tools/fresh_machine.sh --with-changes                  the work tree as it is
#   sudo tools/fresh_machine.sh 'npx --yes deno@2 --version'    other commands instead
#   sudo tools/fresh_machine.sh --rebuild                       the base machine rebuilt first
#   sudo tools/fresh_machine.sh --program "$(command -v deno)"  with a program of the host's in it
#
# Needs root, debootstrap and a Debian host, whose package mirror and npm configuration it uses.
# SUITE (default "bookworm") is the Debian release, PACKAGES (default "nodejs npm") what is
# installed in it, CACHE (default /var/cache/sluice) the folder that keeps the base machine and
# downloaded packages for the next run.
#
# All mounts are made in a mount namespace of their own, so that none outlives the run, however it
# ends; removing the chroot afterwards can't reach anything of the host.
set -euo pipefail

readonly PROJECT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly SUITE="${SUITE:-bookworm}"
readonly PACKAGES="${PACKAGES:-nodejs npm}"
readonly CACHE="${CACHE:-/var/cache/sluice}"
readonly BASE="$CACHE/$SUITE"

# What a newcomer's environment would say about reaching the network.
readonly NETWORK_ENV="http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
  ALL_PROXY npm_config_registry NPM_CONFIG_REGISTRY npm_config_proxy npm_config_https_proxy
  npm_config_noproxy npm_config_cafile npm_config_strict_ssl NODE_EXTRA_CA_CERTS SSL_CERT_FILE
  SSL_CERT_DIR DENO_CERT DENO_TLS_CA_STORE"

NAMESPACE="" # the process that holds the mounts, while it runs
WORK=""      # what this run may throw away

main() {
  local with_changes="" rebuild="" program=""
  while [[ "${1:-}" == --* ]]; do
    case "$1" in
      --with-changes) with_changes=yes ;;
      --rebuild) rebuild=yes ;;
      --program)
        shift
        program="${1:-}"
        [[ -x "$program" ]] || fail "--program takes the path of a program: got \"$program\""
        ;;
      --inside)
        # Not in an && list, where bash would go on after a failed command.
        shift
        inside "$@"
        return
        ;;
      *) fail "Unknown option \"$1\": valid options are --with-changes, --rebuild, --program" ;;
    esac
    shift
  done
  [[ $# -gt 0 ]] || set -- "npx --yes deno@2 task demo" "npx --yes deno@2 task test"
  check_host
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  mkdir -p "$CACHE/archives/partial"
  [[ -z "$rebuild" ]] || rm -rf --one-file-system "$BASE"
  [[ -d "$BASE" && "$(cat "$BASE.packages" 2>/dev/null)" == "$PACKAGES" ]] || make_base

  WORK="$(mktemp -d "$CACHE/run.XXXXXX")"
  mkdir "$WORK/root" "$WORK/changes" "$WORK/overlay"
  copy_project "$WORK/project" "$with_changes"
  [[ -z "$program" ]] || install -D --target-directory="$WORK/programs" "$(readlink -f "$program")"
  in_namespace run "$WORK" "$@"
}

clean_up() {
  # Killed, as unshare is deaf to other signals; its processes and mounts go with it.
  [[ -z "$NAMESPACE" ]] || kill -KILL "$NAMESPACE" 2>/dev/null || true
  [[ -z "$WORK" ]] || rm -rf --one-file-system "$WORK"
}

fail() {
  echo "$1" >&2
  exit 1
}

check_host() {
  [[ $EUID -eq 0 ]] || fail "Making a chroot needs root: use sudo"
  command -v debootstrap >/dev/null || fail "No debootstrap found: apt-get install debootstrap"
  unshare --mount --pid --fork true || fail "Making a chroot needs the right to mount"
}

# Runs a function of this script where its mounts and processes end with it.
in_namespace() {
  local status=0
  unshare --mount --pid --fork --kill-child -- bash "${BASH_SOURCE[0]}" --inside "$@" &
  NAMESPACE=$!
  wait "$NAMESPACE" || status=$?
  NAMESPACE=""
  return "$status"
}

inside() {
  case "$1" in
    run | bootstrap) "$@" ;;
    *) fail "Unknown step \"$1\"" ;;
  esac
}

# ---- the base machine

make_base() {
  local started=$SECONDS
  echo "Making a $SUITE machine with $PACKAGES in $BASE (once, a few minutes)"
  rm -rf --one-file-system "$BASE.partial"
  if ! in_namespace bootstrap "$BASE.partial" >"$CACHE/base.log" 2>&1; then
    tail -n 40 "$CACHE/base.log" >&2
    fail "Cannot make the base machine: the whole log is in \"$CACHE/base.log\""
  fi
  rm -rf --one-file-system "$BASE"
  mv "$BASE.partial" "$BASE"
  echo "$PACKAGES" >"$BASE.packages"
  echo "Made in $((SECONDS - started)) s"
}

bootstrap() {
  local root="$1" mirror script=/usr/share/debootstrap/scripts
  mirror="$(debian_sources | awk '$3 == "main" { print $1; exit }')"
  [[ -n "$mirror" ]] || fail "No Debian mirror configured: run apt-get update first"
  # A release newer than debootstrap is made like the development one.
  if [[ -e "$script/$SUITE" ]]; then script+="/$SUITE"; else script+=/sid; fi
  debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$root" "$mirror" "$script"
  mount_system "$root"
  configure "$root"
  chroot_run "$root" "
    export DEBIAN_FRONTEND=noninteractive
    # The lists of a mirror that stands still are out of date, and signed all the same.
    { apt-get update || apt-get -o Acquire::Check-Valid-Until=false update; } &&
    apt-get install --yes --no-install-recommends $PACKAGES"
  # A machine from an image has no lists of packages.
  rm -rf "$root"/var/lib/apt/lists/* "$root"/root/.npmrc
}

# The host's Debian sources, one a line: address, suite, component. Asking apt spares reading the
# two formats of its files, and omits the sources of others.
debian_sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' \
    'Created-By: Packages' | awk '$4 == "Debian" && !seen[$0]++ { print $1, $2, $3 }'
}

# ---- one run

run() {
  local work="$1" root="$1/root" failures=0
  shift
  mount -t overlay overlay "$root" \
    -o "lowerdir=$BASE,upperdir=$work/changes,workdir=$work/overlay" 2>/dev/null ||
    cp -a "$BASE/." "$root/"
  mount_system "$root"
  configure "$root"
  cp -a "$work/project" "$root/root/sluice"
  [[ ! -e "$work/programs" ]] || cp -a "$work/programs/." "$root/usr/local/bin/"
  for command in "$@"; do
    local started=$SECONDS status=0
    echo "── $command"
    chroot_run "$root" "cd /root/sluice && $command" || status=$?
    echo "── exit code $status after $((SECONDS - started)) s"
    [[ $status -eq 0 ]] || failures=$((failures + 1))
  done
  [[ $failures -eq 0 ]]
}

copy_project() {
  local target="$1" with_changes="$2"
  if [[ -z "$with_changes" ]]; then
    git clone --quiet --no-hardlinks "$PROJECT" "$target"
    return
  fi
  mkdir "$target"
  (cd "$PROJECT" && git ls-files -z --cached --others --exclude-standard |
    # A file that git knows may be deleted in the work tree.
    tar --create --null --files-from=- --ignore-failed-read 2>/dev/null) |
    tar --extract --directory="$target"
}

mount_system() {
  local root="$1"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind "$CACHE/archives" "$root/var/cache/apt/archives"
}

# Copies to the machine what the host knows about reaching packages.
configure() {
  local root="$1" file
  cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
  apt-config dump | grep -E '^Acquire::(https?|ftp|Retries|ForceIPv)' \
    >"$root/etc/apt/apt.conf.d/90host" || true
  for file in /etc/apt/auth.conf /etc/apt/auth.conf.d; do
    [[ ! -e "$file" ]] || cp -a "$file" "$root/etc/apt/"
  done
  debian_sources | awk -v suite="$SUITE" \
    'index($2, suite) == 1 { print "deb", $1, $2, $3 }' >"$root/etc/apt/sources.list.host"
  # A host of another release has no sources of this one: debootstrap's own line stays.
  if [[ -s "$root/etc/apt/sources.list.host" ]]; then
    mv "$root/etc/apt/sources.list.host" "$root/etc/apt/sources.list"
  else
    rm "$root/etc/apt/sources.list.host"
  fi
  configure_certificates "$root"
  configure_npm "$root"
}

configure_certificates() {
  local root="$1" name file
  if compgen -G "/usr/local/share/ca-certificates/*.crt" >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot_run "$root" "update-ca-certificates >/dev/null 2>&1"
  fi
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE DENO_CERT npm_config_cafile; do
    file="${!name:-}"
    if [[ -f "$file" && ! -e "$root$file" ]]; then
      install -D --mode=644 "$file" "$root$file"
    fi
  done
}

configure_npm() {
  local root="$1" kind file
  command -v npm >/dev/null || return 0
  install --mode=600 /dev/null "$root/root/.npmrc"
  for kind in globalconfig userconfig; do
    file="$(cd / && npm config get "$kind" 2>/dev/null)"
    [[ ! -f "$file" ]] || cat "$file" >>"$root/root/.npmrc"
  done
}

# Runs a command in the machine, with an environment of its own.
chroot_run() {
  local root="$1" command="$2" name
  local environment=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    LANG=C.UTF-8 "TERM=${TERM:-dumb}")
  for name in $NETWORK_ENV; do
    [[ -z "${!name:-}" ]] || environment+=("$name=${!name}")
  done
  chroot "$root" env -i "${environment[@]}" sh -c "$command" </dev/null
}

main "$@"
