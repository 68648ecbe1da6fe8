"""The jobs of the benchmark with torchaudio: torchaudio_bench.py JOB key=value..."""

import json
import sys
import time

values = dict(argument.split("=", 1) for argument in sys.argv[2:])


def number(key):
    return int(values[key])


def encoder_options():
    return dict(option.split("=") for option in values["options"].split(":"))


def read_chunks(dtype, shape):
    """The input as a list of tensors of this shape, what is left over at the end not used."""
    import numpy
    import torch

    data = numpy.fromfile(values["input"], dtype)
    size = numpy.prod(shape)
    count = len(data) // size
    return list(torch.from_numpy(data[: count * size]).reshape(count, *shape))


def read_frames():
    """
    Tensors in torch's order (frame, channel, height, width), but with the bytes in memory in FFmpeg's:
    that spares torchaudio a transposition of every frame, and is the fastest way to use it.
    """
    frames = read_chunks("uint8", (1, number("height"), number("width"), 3))
    return [frame.permute(0, 3, 1, 2) for frame in frames]


def open_writer():
    from torchaudio.io import StreamWriter

    return StreamWriter(values["output"], format=values["container"])


def open_video_writer(pixel_format):
    writer = open_writer()
    writer.add_video_stream(
        30,
        number("width"),
        number("height"),
        format=pixel_format,
        encoder=values["encoder"],
        encoder_option=encoder_options(),
        encoder_format=values.get("encoderFormat", "yuv420p"),
    )
    return writer.open()


def encode(frames, count):
    with open_video_writer("rgb24") as writer:
        for i in range(count):
            writer.write_video_chunk(0, frames[i % len(frames)])
    return count


def write_audio(chunks, count):
    writer = open_writer()
    writer.add_audio_stream(number("rate"), 2, format="s16")
    with writer.open():
        for i in range(count):
            writer.write_audio_chunk(0, chunks[i % len(chunks)])
    return count


def decoded_frames(filters, count):
    from torchaudio.io import StreamReader

    reader = StreamReader(values["input"])
    # The decoder's threads give their last frames all at once: the default buffer would drop some.
    reader.add_video_stream(1, 64, decoder_option={"threads": values["threads"]}, filter_desc=filters)
    for read, (chunk,) in enumerate(reader.stream()):
        if read == count:
            return
        yield chunk


def decode(_, count):
    return sum(len(chunk) for chunk in decoded_frames("format=rgb24", count))


def transcode(_, count):
    # torchaudio's writer takes no yuv420p; the nearest it takes is yuv444p.
    pixel_format = values["format"].replace("yuv420p", "yuv444p")
    filters = f"scale={number('width')}:{number('height')},format={pixel_format}"
    read = 0
    with open_video_writer(pixel_format) as writer:
        for chunk in decoded_frames(filters, count):
            writer.write_video_chunk(0, chunk)
            read += 1
    return read


def write_second():
    """One second of a sawtooth in one chunk, by a process that does nothing else."""
    import torch

    samples = (torch.arange(48000 * 2) % 997 * 32).to(torch.int16).reshape(-1, 2)
    writer = open_writer()
    writer.add_audio_stream(48000, 2, format="s16")
    with writer.open():
        writer.write_audio_chunk(0, samples)


def measure(job, chunks=None):
    """Once in small to load and warm what is needed, then the whole job by the clock."""
    job(chunks, number("warmup"))
    start, cpu = time.perf_counter(), time.process_time()
    frames = job(chunks, number("count"))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"frames": frames, "seconds": seconds, "cpuSeconds": cpu_seconds}))


def main():
    job = sys.argv[1]
    if job == "encode":
        measure(encode, read_frames())
    elif job == "audio":
        measure(write_audio, read_chunks("int16", (number("frames"), 2)))
    elif job == "decode":
        measure(decode)
    elif job == "transcode":
        measure(transcode)
    elif job == "second":
        write_second()
    else:
        sys.exit(f"Unknown job: {job}")


main()
