"""The jobs of the benchmark with PyAV: pyav_bench.py JOB key=value..."""

import json
import sys
import time

values = dict(argument.split("=", 1) for argument in sys.argv[2:])


def number(key):
    return int(values[key])


def encoder_options():
    return dict(option.split("=") for option in values["options"].split(":"))


def read_chunks(dtype, shape):
    """The input as a list of arrays of this shape, what is left over at the end not used."""
    import numpy

    data = numpy.fromfile(values["input"], dtype)
    size = numpy.prod(shape)
    count = len(data) // size
    return list(data[: count * size].reshape(count, *shape))


class VideoWriter:
    def __init__(self, pixel_format):
        import av
        from fractions import Fraction

        self.pixel_format, self.from_array = pixel_format, av.VideoFrame.from_ndarray
        self.encoder_format = values.get("encoderFormat", "yuv420p")
        self.output = av.open(values["output"], "w", format=values["container"])
        self.stream = self.output.add_stream(values["encoder"], rate=30, options=encoder_options())
        self.stream.width, self.stream.height = number("width"), number("height")
        self.stream.pix_fmt = self.encoder_format
        self.time_base, self.written = Fraction(1, 30), 0

    def write(self, array):
        frame = self.from_array(array, self.pixel_format)
        if self.pixel_format != self.encoder_format:
            # PyAV's own conversion in encode() is bilinear; everyone else's is bicubic.
            frame = frame.reformat(format=self.encoder_format, interpolation="BICUBIC")
        frame.pts, frame.time_base = self.written, self.time_base
        self.written += 1
        self.output.mux(self.stream.encode(frame))

    def close(self):
        self.output.mux(self.stream.encode(None))
        self.output.close()


def encode(frames, count):
    writer = VideoWriter("rgb24")
    for i in range(count):
        writer.write(frames[i % len(frames)])
    writer.close()
    return count


def open_audio(rate):
    import av

    output = av.open(values["output"], "w", format=values["container"])
    return output, output.add_stream("pcm_s16le", rate=rate, layout="stereo")


def write_audio(chunks, count):
    import av

    rate = number("rate")
    output, stream = open_audio(rate)
    for i in range(count):
        frame = av.AudioFrame.from_ndarray(chunks[i % len(chunks)], "s16", "stereo")
        frame.sample_rate = rate
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
    output.close()
    return count


def open_reader():
    import av

    # With PyAV's own logging, closing a decoder with threads before the end can wait for ever.
    av.logging.restore_default_callback()
    source = av.open(values["input"])
    decoder = source.streams.video[0].codec_context
    decoder.thread_count = number("threads")
    decoder.thread_type = "AUTO"
    return source


def decode(_, count):
    read = 0
    with open_reader() as source:
        for frame in source.decode(video=0):
            frame.to_ndarray(format="rgb24")
            read += 1
            if read == count:
                break
    return read


def transcode(_, count):
    read, pixel_format = 0, values["format"]
    writer = VideoWriter(pixel_format)
    with open_reader() as source:
        for frame in source.decode(video=0):
            small = frame.reformat(number("width"), number("height"), pixel_format, interpolation="BICUBIC")
            writer.write(small.to_ndarray())
            read += 1
            if read == count:
                break
    writer.close()
    return read


def write_second():
    """One second of a sawtooth in one chunk, by a process that does nothing else."""
    import av
    import numpy

    samples = (numpy.arange(48000 * 2) % 997 * 32).astype(numpy.int16).reshape(1, -1)
    output, stream = open_audio(48000)
    frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
    frame.sample_rate = 48000
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
    output.close()


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
        measure(encode, read_chunks("uint8", (number("height"), number("width"), 3)))
    elif job == "audio":
        measure(write_audio, read_chunks("int16", (1, number("frames") * 2)))
    elif job == "decode":
        measure(decode)
    elif job == "transcode":
        measure(transcode)
    elif job == "second":
        write_second()
    else:
        sys.exit(f"Unknown job: {job}")


main()
