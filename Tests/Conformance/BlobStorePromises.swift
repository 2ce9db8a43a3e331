import Platform
import Storage
import TestSupport
import Testing

/// What every blob store promises. A backend's test file only says how to make one; a promise is written once, here.
struct BlobStorePromise: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: @Sendable (any BlobStore) async throws -> Void

    init(_ sentence: String, _ check: @escaping @Sendable (any BlobStore) async throws -> Void) {
        testDescription = sentence
        self.check = check
    }

    static func key(_ path: String) throws -> BlobKey { try #require(BlobKey(path)) }

    static let all: [Self] = putting + taking + reading + listing + files

    private static let putting: [Self] = [
        Self("gives back the bytes it was given") { store in
            try await store.put([1, 2, 3], at: key("hls/trk_1/gen_2/init.mp4"))
            #expect(try await store.get(key("hls/trk_1/gen_2/init.mp4")) == [1, 2, 3])
        },
        Self("keeps an empty blob, which is not an absent one") { store in
            try await store.put([], at: key("empty"))
            #expect(try await store.get(key("empty")) == [])
            #expect(try await store.size(of: key("empty")) == 0)
        },
        Self("shows readers the old bytes or the new, never a mixture") { store in
            let key = try key("a")
            let versions = (0..<8).map { [UInt8](repeating: $0, count: 100_000) }
            try await store.put(versions[0], at: key)
            try await withThrowingTaskGroup { group in
                for version in versions { group.addTask { try await store.put(version, at: key) } }
                for _ in 0..<32 {
                    group.addTask {
                        let seen = try await store.get(key)
                        #expect(versions.contains(seen))
                    }
                }
                try await group.waitForAll()
            }
        },
        Self("takes a whole file from its descriptor") { store in
            try await withTemporaryFolder { folder in
                let file = try FileDescriptor.creating(folder + "/a")
                try file.write([UInt8](repeating: 7, count: 3_000_000), at: 0)
                try await store.put(file: file, at: key("tracks/u/trk/up.flac"))
                #expect(try await store.size(of: key("tracks/u/trk/up.flac")) == 3_000_000)
            }
        },
        Self("takes the same file twice") { store in
            try await withTemporaryFolder { folder in
                let file = try FileDescriptor.creating(folder + "/a")
                try file.write([1, 2], at: 0)
                try await store.put(file: file, at: key("same"))
                try await store.put(file: file, at: key("same"))
                #expect(try await store.get(key("same")) == [1, 2])
            }
        },
        Self("takes many at once") { store in
            var items: [BlobItem] = []
            for number in 0..<40 { items.append(BlobItem(try key("many/\(number)"), .bytes([UInt8(number)]))) }
            try await store.put(all: items)
            #expect(try await store.get(key("many/39")) == [39])
            #expect(try await store.list(prefix: "many/", after: nil, limit: 100).count == 40)
        },
        Self("adopts a folder with all that is in it") { store in
            try await withTemporaryFolder { folder in
                try Files.makeFolder(folder + "/out/aac-128")
                try Files.writeAtomically([1], to: folder + "/out/index.m3u8")
                try Files.writeAtomically([2, 3], to: folder + "/out/aac-128/init.mp4")
                try await store.adopt(folder: folder + "/out", as: key("hls/t/g"))
                #expect(try await store.get(key("hls/t/g/index.m3u8")) == [1])
                #expect(try await store.get(key("hls/t/g/aac-128/init.mp4")) == [2, 3])
                #expect(!Files.exists(folder + "/out"))
            }
        },
        Self("adopts again over what an interrupted run left") { store in
            try await withTemporaryFolder { folder in
                try await store.put([9], at: key("hls/t/g/old"))
                try Files.makeFolder(folder + "/out")
                try Files.writeAtomically([1], to: folder + "/out/new")
                try await store.adopt(folder: folder + "/out", as: key("hls/t/g"))
                #expect(try await store.get(key("hls/t/g/new")) == [1])
            }
        },
    ]

    private static let taking: [Self] = [
        Self("says absent for what is not there") { store in
            let failure = await #expect(throws: BlobFailure.self) { try await store.get(key("never/put")) }
            #expect(failure?.kind == .absent)
            let short = await #expect(throws: BlobFailure.self) { try await store.get(key("never/put"), limit: 1) }
            #expect(short?.kind == .absent)
            let size = try await store.size(of: key("never/put"))
            #expect(size == nil)
        },
        Self("says absent for a folder of keys") { store in
            try await store.put([1], at: key("folder/a"))
            let size = try await store.size(of: key("folder"))
            #expect(size == nil)
            await #expect(throws: BlobFailure.self) { try await store.get(key("folder")) }
        },
        Self("refuses to read more than it was allowed") { store in
            try await store.put([1, 2, 3], at: key("long"))
            let failure = await #expect(throws: BlobFailure.self) { try await store.get(key("long"), limit: 2) }
            #expect(failure?.kind == .refused)
            #expect(try await store.get(key("long"), limit: 3) == [1, 2, 3])
        },
        Self("gives the same bytes a second name") { store in
            try await store.put([1, 2, 3], at: key("copy/from"))
            try await store.copy(key("copy/from"), to: key("copy/to/b"))
            try await store.put([4], at: key("copy/from"))
            #expect(try await store.get(key("copy/to/b")) == [1, 2, 3])
            let failure = await #expect(throws: BlobFailure.self) {
                try await store.copy(key("copy/never"), to: key("copy/x"))
            }
            #expect(failure?.kind == .absent)
        },
        Self("deletes many at once, those that are not there too") { store in
            for name in ["a", "b", "c"] { try await store.put([1], at: key("bulk/\(name)")) }
            try await store.delete([key("bulk/a"), key("bulk/never"), key("bulk/c")])
            #expect(try await store.list(prefix: "bulk/", after: nil, limit: 9).map(\.key.path) == ["bulk/b"])
            try await store.delete([BlobKey]())
        },
        Self("deletes twice without an error") { store in
            let key = try key("gone/and/gone")
            try await store.put([], at: key)
            try await store.delete(key)
            try await store.delete(key)
            let size = try await store.size(of: key)
            #expect(size == nil)
        },
        Self("leaves the neighbours of what it deletes") { store in
            try await store.put([1], at: key("pair/a"))
            try await store.put([2], at: key("pair/b"))
            try await store.delete(key("pair/a"))
            #expect(try await store.get(key("pair/b")) == [2])
        },
        Self("puts and deletes in one folder from many tasks") { store in
            try await withThrowingTaskGroup { group in
                for number in 0..<24 {
                    group.addTask {
                        let key = try key("busy/folder/\(number)")
                        try await store.put([UInt8(number)], at: key)
                        #expect(try await store.get(key) == [UInt8(number)])
                        try await store.delete(key)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.list(prefix: "busy/", after: nil, limit: 9) == [])
        },
    ]

    /// A blob that no piece of any size divides evenly.
    private static let long = (0..<700_001).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    private static func read(_ store: any BlobStore, _ key: BlobKey, _ range: Range<Int64>?) async throws -> [UInt8] {
        let reader = try await store.read(key, range: range)
        #expect(reader.size == Int64(long.count))
        var bytes: [UInt8] = []
        while true {
            let piece = try await reader.next()
            if piece.isEmpty { return bytes }
            bytes += piece
        }
    }

    private static let reading: [Self] = [
        Self("reads a blob piece by piece, from its first byte to its last") { store in
            try await store.put(long, at: key("read/long"))
            #expect(try await read(store, key("read/long"), nil) == long)
        },
        Self("reads the range that was asked for, and no more") { store in
            try await store.put(long, at: key("read/long"))
            #expect(try await read(store, key("read/long"), 3..<300_005) == Array(long[3..<300_005]))
            #expect(try await read(store, key("read/long"), 700_000..<700_001) == [long[700_000]])
        },
        Self("cuts a range that reaches past the end") { store in
            try await store.put(long, at: key("read/long"))
            #expect(try await read(store, key("read/long"), 699_990..<900_000) == Array(long[699_990...]))
        },
        Self("refuses a range that begins where the blob ends") { store in
            try await store.put([1, 2], at: key("read/short"))
            let failure = await #expect(throws: BlobFailure.self) {
                try await store.read(key("read/short"), range: 2..<3)
            }
            #expect(failure?.kind == .refused)
        },
        Self("reads an empty blob to its end") { store in
            try await store.put([], at: key("read/empty"))
            let reader = try await store.read(key("read/empty"), range: nil)
            #expect(reader.size == 0)
            #expect(try await reader.next() == [])
        },
        Self("has nothing to read where there is nothing") { store in
            let failure = await #expect(throws: BlobFailure.self) { try await store.read(key("read/no"), range: nil) }
            #expect(failure?.kind == .absent)
            let part = await #expect(throws: BlobFailure.self) { try await store.read(key("read/no"), range: 0..<1) }
            #expect(part?.kind == .absent)
        },
    ]

    private static let listing: [Self] = [
        Self("lists in the order of keys") { store in
            for path in ["l/b", "l/a/2", "l/a-b", "l/a/1", "l/a.x", "l/B"] { try await store.put([1], at: key(path)) }
            let keys = try await store.list(prefix: "l/", after: nil, limit: 100).map(\.key.path)
            #expect(keys == ["l/B", "l/a-b", "l/a.x", "l/a/1", "l/a/2", "l/b"])
        },
        Self("lists by a prefix that ends within a name") { store in
            for path in ["p/abc", "p/abd/x", "p/acd"] { try await store.put([1, 2], at: key(path)) }
            let found = try await store.list(prefix: "p/ab", after: nil, limit: 100)
            #expect(found == [BlobEntry(key: try key("p/abc"), size: 2), BlobEntry(key: try key("p/abd/x"), size: 2)])
        },
        Self("goes on after the last key of a page") { store in
            for number in 10..<17 { try await store.put([], at: key("page/\(number)/x")) }
            var seen: [String] = []
            var last: BlobKey?
            while true {
                let page = try await store.list(prefix: "page/", after: last, limit: 3)
                if page.isEmpty { break }
                #expect(page.count <= 3)
                seen += page.map(\.key.path)
                last = page.last?.key
            }
            #expect(seen == (10..<17).map { "page/\($0)/x" })
        },
        Self("deletes all below a prefix and nothing else") { store in
            for path in ["d/1/a", "d/1/b", "d/11/a"] { try await store.put([], at: key(path)) }
            try await store.deleteAll(prefix: "d/1/")
            #expect(try await store.list(prefix: "d/", after: nil, limit: 9).map(\.key.path) == ["d/11/a"])
        },
    ]
}
