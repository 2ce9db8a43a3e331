import Crypto
import Platform
import Storage
import TestSupport
import Testing

// Files of many parts' length, and keys of every byte that a key may hold.

extension BlobStorePromise {
    private static let mebibyte: Int64 = 1 << 20

    static let files: [Self] =
        // About the edges of parts of 5 MiB, which are the smallest that stores take.
        [0, 1, 5 * mebibyte - 1, 5 * mebibyte, 5 * mebibyte + 1, 10 * mebibyte, 12 * mebibyte + 12_345].map { size in
            Self("takes a file of \(size) bytes and gives back the same") { store in
                try await withTemporaryFolder { folder in
                    let file = try FileDescriptor.creating(folder + "/a")
                    let digest = try fill(file, size)
                    let key = try key("files/\(size)")
                    try await store.put(file: file, at: key)
                    #expect(try await store.size(of: key) == size)
                    let reader = try await store.read(key, range: nil)
                    var hash = SHA256()
                    while true {
                        let piece = try await reader.next()
                        if piece.isEmpty { break }
                        hash.update(piece)
                    }
                    #expect(hash.finish() == digest)
                }
            }
        } + [
            Self("reads a range across the parts a file went up in") { store in
                try await withTemporaryFolder { folder in
                    let file = try FileDescriptor.creating(folder + "/a")
                    _ = try fill(file, 11 * mebibyte)
                    try await store.put(file: file, at: key("files/range"))
                    let range = 5 * mebibyte - 10..<5 * mebibyte + 10
                    let reader = try await store.read(key("files/range"), range: range)
                    var bytes: [UInt8] = []
                    while true {
                        let piece = try await reader.next()
                        if piece.isEmpty { break }
                        bytes += piece
                    }
                    #expect(bytes == (try file.read(upTo: 20, at: range.lowerBound)))
                }
            },
            Self("copies what went up in parts") { store in
                try await withTemporaryFolder { folder in
                    let file = try FileDescriptor.creating(folder + "/a")
                    _ = try fill(file, 6 * mebibyte)
                    try await store.put(file: file, at: key("files/from"))
                    try await store.copy(key("files/from"), to: key("files/to"))
                    #expect(try await store.size(of: key("files/to")) == 6 * mebibyte)
                }
            },
            Self("keeps keys of every sign apart, and lists them as they are") { store in
                let names = [
                    "a+b", "a%20b", "a%2Bb", "a&b=c", "a<b>c", "a;b?c#d", "100%", "a%2Fb", "(){}[]^`|", "back\\slash",
                    "'one'\"two\"", "~tilde", "a:b@c,d!e$f*g", "=", "...", "%", "+", "&amp;", "%%41", "-._~",
                ]
                for name in names { try await store.put(Array(name.utf8), at: key("odd/\(name)")) }
                for name in names { #expect(try await store.get(key("odd/\(name)")) == Array(name.utf8)) }
                let listed = try await store.list(prefix: "odd/", after: nil, limit: 100).map(\.key.path)
                #expect(listed == names.map { "odd/\($0)" }.sorted())
                try await store.copy(key("odd/a%2Fb"), to: key("odd/+%copy"))
                #expect(try await store.get(key("odd/+%copy")) == Array("a%2Fb".utf8))
                #expect(try await store.list(prefix: "odd/a%", after: key("odd/a%20b"), limit: 9).count == 2)
                try await store.delete(names.map { try key("odd/\($0)") })
                #expect(try await store.list(prefix: "odd/", after: nil, limit: 9).map(\.key.path) == ["odd/+%copy"])
            },
            Self("takes a key as long as keys may be") { store in
                let long = try key(
                    Array(repeating: String(repeating: "k", count: 200), count: 4).joined(separator: "/"))
                try await store.put([1], at: long)
                #expect(try await store.get(long) == [1])
                #expect(try await store.list(prefix: "kkkk", after: nil, limit: 9).map(\.key) == [long])
            },
        ]

    private static let noise = (0..<Int(mebibyte)).map { _ in UInt8.random(in: 0...(.max)) }

    /// Every mebibyte begins with its offset, so that no part is like another; gives the digest.
    private static func fill(_ file: borrowing FileDescriptor, _ size: Int64) throws -> [UInt8] {
        var hash = SHA256()
        for offset in stride(from: 0, to: size, by: Int(mebibyte)) {
            var bytes = Array("\(offset) ".utf8) + noise
            bytes.removeLast(bytes.count - Int(min(mebibyte, size - offset)))
            try file.write(bytes, at: offset)
            hash.update(bytes)
        }
        return hash.finish()
    }
}
