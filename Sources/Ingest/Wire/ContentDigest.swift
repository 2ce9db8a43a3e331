import Crypto
import Synchronization

/// The SHA-256 of a `Content-Digest` field (RFC 9530 §2), a dictionary of byte sequences (RFC 9651 §3.2, §3.3.5).
package struct ContentDigest: Equatable, Sendable {
    package let sha256: [UInt8]

    /// Nil where the field names other algorithms only: those are ignored. Throws what is not well formed.
    package static func parse(_ field: String, name: String = "Content-Digest") throws(IngestFailure) -> ContentDigest?
    {
        var scanner = FieldScanner(field)
        var found: [UInt8]?
        scanner.skipSpace()
        repeat {
            scanner.skipSpace()
            // RFC 9651 §3.1.2: keys are lowercase. A lenient reader would take SHA-256 for ours.
            guard let key = scanner.token(), key == key.lowercased(), scanner.skip("="),
                let bytes = byteSequence(&scanner)
            else {
                throw IngestFailure(
                    field: name, value: field, expected: "algorithm=:base64:, such as sha-256=:…:")
            }
            scanner.skipSpace()
            guard key == "sha-256" else { continue }
            guard bytes.count == 32 else {
                throw IngestFailure(field: name, value: field, expected: "32 bytes in sha-256")
            }
            // RFC 9651 §3.2 lets the last of two count; not every reader knows that.
            guard found == nil || found == bytes else {
                throw IngestFailure(field: "Content-Digest", value: field, expected: "one sha-256")
            }
            found = bytes
        } while scanner.skip(",")
        guard scanner.isAtEnd else {
            throw IngestFailure(field: name, value: field, expected: "nothing after its last member")
        }
        return found.map(ContentDigest.init)
    }

    private static func byteSequence(_ scanner: inout FieldScanner) -> [UInt8]? {
        guard scanner.skip(":"), let text = scanner.upTo(":"), scanner.skip(":") else { return nil }
        return Base64.decode(text)
    }
}

/// Follows a body, to say at its end whether it was the one that the digest was made of.
struct DigestCheck: Sendable {
    private let expected: ContentDigest
    private var sha = SHA256()

    init(_ expected: ContentDigest) { self.expected = expected }

    mutating func update(_ bytes: [UInt8]) { sha.update(bytes) }

    func finish() throws(IngestFailure) {
        let found = sha.finish()
        guard found == expected.sha256 else {
            throw IngestFailure(
                .checksumMismatch,
                "The bytes have the SHA-256 \(Hex.encode(found)), Content-Digest said \(Hex.encode(expected.sha256)).")
        }
    }
}

/// A source that is not at its end before its bytes were those of a digest.
final class CheckedSource: ByteSource {
    private let source: any ByteSource
    private let check: Mutex<DigestCheck>

    init(_ source: any ByteSource, _ digest: ContentDigest) {
        self.source = source
        check = Mutex(DigestCheck(digest))
    }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        let piece = try await source.next(upTo: count)
        try check.withLock { (check) throws(IngestFailure) in
            if piece.isEmpty { try check.finish() } else { check.update(piece) }
        }
        return piece
    }

    func cancel() { source.cancel() }
}
