"""The peers of Benchmarks/s3, each measured like ours: from its first request to its last answer, imports left out.

    peers.py awscrt|boto3 put|get http://host:port FILE-OR-FOLDER CONCURRENCY

`get` reads the objects that have the names of these files; their bytes are counted and dropped."""
import json, os, pathlib, resource, sys, threading, time

who, verb, endpoint, path, concurrency = sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]), int(sys.argv[5])
files = sorted(path.iterdir()) if path.is_dir() else [path]
folder = "small/" if path.is_dir() else ""
came = 0


def awscrt():
    from awscrt import auth, http, io, s3
    group = io.EventLoopGroup()
    bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
    credentials = auth.AwsCredentialsProvider.new_static("bench", "benchbench")
    client = s3.S3Client(bootstrap=bootstrap, region="us-east-1", tls_mode=s3.S3RequestTlsMode.DISABLED,
                         signing_config=s3.create_default_s3_signing_config(region="us-east-1", credential_provider=credentials))
    host = endpoint.split("//")[1]
    room = threading.Semaphore(concurrency)

    def put(file):
        headers = http.HttpHeaders([("host", host), ("content-length", str(file.stat().st_size)),
                                    ("content-type", "application/octet-stream")])
        request = http.HttpRequest("PUT", f"/bench/{file.name}", headers)
        room.acquire()
        # By its name the library reads the file itself, without Python's help.
        made = client.make_request(type=s3.S3RequestType.PUT_OBJECT, request=request, send_filepath=str(file),
                                   on_done=lambda **_: room.release())
        return made.finished_future

    def get(file):
        request = http.HttpRequest("GET", f"/bench/{folder}{file.name}", http.HttpHeaders([("host", host)]))

        def took(chunk, offset, **_):
            global came
            came += len(chunk)

        room.acquire()
        made = client.make_request(type=s3.S3RequestType.GET_OBJECT, request=request, on_body=took,
                                   on_done=lambda **_: room.release())
        return made.finished_future

    def all_of_it():
        for future in [(put if verb == "put" else get)(file) for file in files]:
            future.result()

    return all_of_it


def boto3():
    import boto3
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from concurrent.futures import ThreadPoolExecutor
    # Without the checksums it would add of its own accord: no other client here does.
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="bench",
                          aws_secret_access_key="benchbench", config=Config(
                              max_pool_connections=concurrency, s3={"addressing_style": "path"},
                              request_checksum_calculation="when_required", response_checksum_validation="when_required"))
    transfer = TransferConfig(multipart_chunksize=8 << 20, max_concurrency=10)

    def one(file):
        if file.stat().st_size > 8 << 20:
            client.upload_file(str(file), "bench", file.name, Config=transfer)
        else:
            client.put_object(Bucket="bench", Key=file.name, Body=file.read_bytes())

    def all_of_it():
        with ThreadPoolExecutor(concurrency) as pool:
            list(pool.map(one, files))

    return all_of_it


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


work = {"awscrt": awscrt, "boto3": boto3}[who]()
began, before = time.perf_counter(), used()
work()
wall = time.perf_counter() - began
print(json.dumps({"wall": wall, "cpu": used() - before, "came": came, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
sys.stdout.flush()
# The libraries' own threads need not be waited for.
os._exit(0)
