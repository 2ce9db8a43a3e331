// What Benchmarks/s3 measures of our client: puts or reads one file or all of a folder, and prints what it cost.
//
//     s3-transfer put|get http://host:port FILE-OR-FOLDER CONCURRENCY
//
// `get` reads the blobs that have the names of these files, and drops their bytes.

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

func read(_ key: BlobKey, from store: S3BlobStore) async throws -> Int {
    let reader = try await store.read(key, range: nil)
    var count = 0
    while case let bytes = try await reader.next(), !bytes.isEmpty { count += bytes.count }
    return count
}

let arguments = CommandLine.arguments
guard arguments.count == 5, ["put", "get"].contains(arguments[1]), let concurrency = Int(arguments[4]) else {
    print("s3-transfer put|get http://host:port FILE-OR-FOLDER CONCURRENCY")
    exit(2)
}
let path = arguments[3]
let configuration = S3Configuration(bucket: "bench", endpoint: arguments[2], region: "us-east-1")
let store = try S3BlobStore(
    configuration, credentials: S3CredentialProvider(S3Credentials(accessKey: "bench", secret: "benchbench")),
    client: S3BlobStore.client(for: configuration), journal: MemoryMultipartJournal(time: SystemTime()),
    time: SystemTime())

let names = Files.isFolder(path) ? try Files.list(path) : []
let items = names.compactMap { name in BlobKey("small/\(name)").map { BlobItem($0, .file(path: "\(path)/\(name)")) } }
let (clock, began, used) = (ContinuousClock(), ContinuousClock.now, usedSeconds())
var came = 0
if arguments[1] == "get" {
    let keys = items.isEmpty ? [BlobKey("large")].compactMap { $0 } : items.map(\.key)
    came = try await withThrowingTaskGroup(of: Int.self) { group in
        var (rest, came) = (keys[...], 0)
        for key in rest.prefix(concurrency) { group.addTask { try await read(key, from: store) } }
        rest = rest.dropFirst(concurrency)
        while let count = try await group.next() {
            came += count
            if let key = rest.popFirst() { group.addTask { try await read(key, from: store) } }
        }
        return came
    }
} else if items.isEmpty, let key = BlobKey("large") {
    try await store.put(file: .reading(path), at: key)
} else {
    try await store.put(all: items)
}
let wall = clock.now - began
var usage = rusage()
getrusage(RUSAGE_SELF.rawValue, &usage)
print(
    "{\"wall\":\(Double(wall.microseconds) / 1e6),\"cpu\":\(usedSeconds() - used),\"came\":\(came),\"peak\":\(usage.ru_maxrss / 1024)}"
)
