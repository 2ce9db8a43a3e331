import Crypto

/// What a client says the bytes of one request hash to: `sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=` (tus, extension checksum).
package struct Checksum: Equatable, Sendable {
    package enum Algorithm: String, Sendable, CaseIterable {
        case sha1, sha256, md5, crc32c

        var length: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            case .md5: 16
            case .crc32c: 4
            }
        }
    }

    package let algorithm: Algorithm
    package let bytes: [UInt8]

    package init(_ algorithm: Algorithm, _ bytes: [UInt8]) {
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// One algorithm we know, one space, its digest in base64 without a slip.
    package init(field: String) throws(IngestFailure) {
        let parts = field.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])),
            let bytes = Base64.decode(parts[1]), bytes.count == algorithm.length
        else {
            throw IngestFailure(
                field: "Upload-Checksum", value: field,
                expected: "one of \(Self.names), a space and the digest in base64")
        }
        self.init(algorithm, bytes)
    }

    package static let names = Algorithm.allCases.map(\.rawValue).joined(separator: ",")
}

/// A checksum that grows with the bytes.
struct RunningChecksum: Sendable {
    private enum State: Sendable {
        case sha1(SHA1)
        case sha256(SHA256)
        case md5(MD5)
        case crc32c(UInt32)
    }

    let algorithm: Checksum.Algorithm
    private var state: State

    init(_ algorithm: Checksum.Algorithm) {
        self.algorithm = algorithm
        switch algorithm {
        case .sha1: state = .sha1(SHA1())
        case .sha256: state = .sha256(SHA256())
        case .md5: state = .md5(MD5())
        case .crc32c: state = .crc32c(0)
        }
    }

    mutating func update(_ bytes: [UInt8]) {
        switch state {
        case .sha1(var hash):
            hash.update(bytes)
            state = .sha1(hash)
        case .sha256(var hash):
            hash.update(bytes)
            state = .sha256(hash)
        case .md5(var hash):
            hash.update(bytes)
            state = .md5(hash)
        case .crc32c(let crc): state = .crc32c(CRC32C.extend(crc, with: bytes.span))
        }
    }

    var digest: [UInt8] {
        switch state {
        case .sha1(let hash): hash.finish()
        case .sha256(let hash): hash.finish()
        case .md5(let hash): hash.finish()
        // Big-endian, as RFC 9530's neighbours and S3 write it.
        case .crc32c(let crc): (0..<4).map { UInt8(truncatingIfNeeded: crc >> (24 - 8 * UInt32($0))) }
        }
    }
}

/// Follows the body of one request and says at its end whether it was the one that was meant: until then none of it
/// counts.
package struct BodyCheck: Sendable {
    private var running: [RunningChecksum]
    /// Known with the head, or only once the trailer is read.
    private let expected: @Sendable () throws(IngestFailure) -> Checksum

    package init(_ checksum: Checksum) {
        running = [RunningChecksum(checksum.algorithm)]
        expected = { () throws(IngestFailure) in checksum }
    }

    /// Which algorithm it will be is known no sooner than the digest.
    package init(trailer: @escaping @Sendable () -> String?) {
        running = Checksum.Algorithm.allCases.map { RunningChecksum($0) }
        expected = { () throws(IngestFailure) in
            guard let field = trailer() else {
                throw IngestFailure(field: "The trailer Upload-Checksum", value: "absent", expected: "as announced")
            }
            return try Checksum(field: field)
        }
    }

    mutating func update(_ bytes: [UInt8]) {
        for index in running.indices { running[index].update(bytes) }
    }

    func finish() throws(IngestFailure) {
        let expected = try expected()
        let found = running.first { $0.algorithm == expected.algorithm }?.digest
        guard found == expected.bytes else {
            throw IngestFailure(
                .checksumMismatch,
                "The bytes have the \(expected.algorithm.rawValue) \(Hex.encode(found ?? [])), "
                    + "the request said \(Hex.encode(expected.bytes)).")
        }
    }
}
