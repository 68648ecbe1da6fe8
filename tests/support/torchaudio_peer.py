"""
Does with torchaudio what the torchaudio_*_test.ts do with Sluice: torchaudio_peer.py JOBS.json

The file holds a list of jobs. A list of their results is printed as JSON, {"error": ...} for a job
that failed. Samples and pixels come from files of raw bytes; what was read is told by its hash.
"""

import hashlib
import json
import os
import sys

import numpy
import torch
import torchaudio
import torchaudio.io._compat as through_ffmpeg
from torchaudio.io import StreamReader, StreamWriter

DTYPES = {
    "u8": "uint8",
    "s16": "int16",
    "s32": "int32",
    "s64": "int64",
    "flt": "float32",
    "dbl": "float64",
}


def write(job):
    """Writes a file; there is nothing to tell."""
    writer = StreamWriter(job["path"], format=job.get("container"))
    inputs = [add_output(writer, stream) for stream in job["streams"]]
    if "metadata" in job:
        writer.set_metadata(job["metadata"])
    positions = [0] * len(inputs)
    with writer.open(option=job.get("option")):
        for i, count in job["writes"]:
            chunk = inputs[i][positions[i] : positions[i] + count]
            positions[i] += count
            getattr(writer, f"write_{job['streams'][i]['kind']}_chunk")(i, chunk)
    return {}


def add_output(writer, stream):
    """Adds an output stream; gives all of its input as one tensor."""
    encoding = {
        "format": stream["format"],
        "encoder": stream.get("encoder"),
        "encoder_option": stream.get("encoderOption"),
        "encoder_format": stream.get("encoderFormat"),
    }
    if stream["kind"] == "audio":
        writer.add_audio_stream(stream["rate"], stream["channels"], **encoding)
        samples = torch.from_numpy(numpy.fromfile(stream["input"], DTYPES[stream["format"]]))
        return samples.reshape(-1, stream["channels"])
    width, height = stream["width"], stream["height"]
    writer.add_video_stream(stream["rate"], width, height, **encoding)
    pixels = torch.from_numpy(numpy.fromfile(stream["input"], "uint8"))
    if stream["format"] == "yuv444p":
        return pixels.reshape(-1, 3, height, width)
    channels = 1 if stream["format"] == "gray8" else 3
    return pixels.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def read(job):
    """Reads a file; tells what it says of itself, and what each round of chunks was."""
    reader = StreamReader(job["path"], format=job.get("container"), option=job.get("option"))
    streams = job["streams"]
    for stream in streams:
        add_input(reader, stream)
    if "remove" in job:
        reader.remove_stream(job["remove"])
        streams.pop(job["remove"])
    for _ in zip(range(job.get("roundsBeforeSeek", 0)), reader.stream()):
        pass
    if "seek" in job:
        reader.seek(job["seek"])
    rounds = [
        [described(*pair) for pair in zip(chunks, streams)] for chunks in rounds_of(reader, job)
    ]
    return {"source": source_of(reader), "outputs": outputs_of(reader), "rounds": rounds}


def add_input(reader, stream):
    """Adds an output stream of the reader."""
    options = {snake_case(name): value for name, value in stream["options"].items()}
    # The default buffer of 3 chunks would drop what Sluice keeps. torchaudio counts the frames of a
    # full buffer in 32 bits.
    options.setdefault("buffer_chunk_size", 10_000)
    basic = "" if "filter_desc" in options else "basic_"
    add = getattr(reader, f"add_{basic}{stream['kind']}_stream")
    add(stream["framesPerChunk"], **options)


def rounds_of(reader, job):
    """The chunks, got in one of the ways of getting them."""
    if job["by"] == "nothing":
        return
    if job["by"] == "stream":
        yield from reader.stream()
        return
    if job["by"] == "processAllPackets":
        reader.process_all_packets()
    else:
        while reader.process_packet() == 0:
            while reader.is_buffer_ready():
                yield reader.pop_chunks()
    chunks = reader.pop_chunks()
    while any(chunk is not None for chunk in chunks):
        yield chunks
        chunks = reader.pop_chunks()


def described(chunk, stream):
    """A chunk by its shape and hash, its pixels in FFmpeg's order first."""
    if chunk is None:
        return None
    is_packed = stream["kind"] == "video" and not stream.get("planar")
    data = (chunk.permute(0, 2, 3, 1) if is_packed else chunk).contiguous().numpy()
    digest = hashlib.sha256(data.tobytes()).hexdigest()
    return {"type": data.dtype.name, "shape": list(data.shape), "hash": digest}


def source_of(reader):
    """What the reader says of its source."""
    infos = [vars(reader.get_src_stream_info(i)) for i in range(reader.num_src_streams)]
    return {
        "streams": [
            {camel_case(name): value for name, value in info.items() if value is not None}
            for info in infos
        ],
        "defaultAudioStream": reader.default_audio_stream,
        "defaultVideoStream": reader.default_video_stream,
        "metadata": dict(reader.get_metadata()),
    }


def outputs_of(reader):
    """The source stream of each output stream."""
    return [reader.get_out_stream_info(i).source_index for i in range(reader.num_out_streams)]


def snake_case(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def camel_case(name):
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def load(job):
    """Loads a file, through FFmpeg alone if asked for; stores its samples, tells their shape."""
    options = {snake_case(name): value for name, value in job["options"].items()}
    if job["throughFfmpeg"]:
        options["convert"] = options.pop("normalize", True)
    load_any = through_ffmpeg.load_audio if job["throughFfmpeg"] else torchaudio.load
    waveform, rate = load_any(job["path"], **options)
    data = waveform.contiguous().numpy()
    data.tofile(job["output"])
    return {"type": data.dtype.name, "shape": list(data.shape), "sampleRate": rate}


def info(job):
    """Tells what torchaudio knows of a file."""
    return {camel_case(name): value for name, value in vars(torchaudio.info(job["path"])).items()}


def save(job):
    """Saves samples in (channel, frame) order."""
    samples = torch.from_numpy(numpy.fromfile(job["input"], DTYPES[job["format"]]))
    options = {snake_case(name): value for name, value in job["options"].items()}
    waveform = samples.reshape(job["numChannels"], -1)
    torchaudio.save(job["path"], waveform, job["sampleRate"], **options)
    return {}


KINDS = {"write": write, "read": read, "load": load, "info": info, "save": save}


def result_of(job):
    """The result of a job, or what went wrong with it."""
    try:
        return KINDS[job["kind"]](job)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    # On one processor FFmpeg's filters take one thread, as Sluice's do: swscale's results depend on
    # it.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with open(sys.argv[1], encoding="utf-8") as file:
        jobs = json.load(file)
    print(json.dumps([result_of(job) for job in jobs]))


main()
