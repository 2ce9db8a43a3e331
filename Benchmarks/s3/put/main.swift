// What Benchmarks/s3 measures of our client: puts one file or all of a folder, and says what it cost.
//
//     s3-put http://host:port FILE-OR-FOLDER

import Core
import Glibc
import Platform
import Storage

func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

func usedSeconds() -> Double {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

guard CommandLine.arguments.count == 3 else {
    print("s3-put http://host:port FILE-OR-FOLDER")
    exit(2)
}
let path = CommandLine.arguments[2]
let configuration = S3Configuration(bucket: "bench", endpoint: CommandLine.arguments[1], region: "us-east-1")
let store = try S3BlobStore(
    configuration, credentials: S3CredentialProvider(S3Credentials(accessKey: "bench", secret: "benchbench")),
    client: S3BlobStore.client(for: configuration), journal: MemoryMultipartJournal(time: SystemTime()),
    time: SystemTime())

let names = Files.isFolder(path) ? try Files.list(path) : []
let items = names.compactMap { name in BlobKey("small/\(name)").map { BlobItem($0, .file(path: "\(path)/\(name)")) } }
let (clock, began, used) = (ContinuousClock(), ContinuousClock.now, usedSeconds())
if items.isEmpty, let key = BlobKey("large") {
    try await store.put(file: .reading(path), at: key)
} else {
    try await store.put(all: items)
}
let wall = clock.now - began
var usage = rusage()
getrusage(RUSAGE_SELF.rawValue, &usage)
print(
    "{\"wall\":\(Double(wall.microseconds) / 1e6),\"cpu\":\(usedSeconds() - used),\"peak\":\(usage.ru_maxrss / 1024)}")
