package import Core
package import Ledger
package import Storage

/// Compares what the ledger promises with what lies in the store, and in this node's spool and quarantine, both ways,
/// server running or not. Looking changes nothing; `repair` takes away what nothing names, and nothing else.
package enum Verify {
    package struct Finding: Sendable, Equatable {
        package enum Kind: String, Sendable {
            /// The ledger promises it, and it is not there.
            case missing
            /// It is there with another size than the ledger knows.
            case size
            /// A row of the ledger that cannot be read.
            case damaged
            /// Nothing in the ledger names it.
            case orphan
            /// It is none of our names.
            case foreign
        }

        package let kind: Kind
        package let subject: String
        package let message: String
        /// Of what lies in the store; nothing for what does not.
        package let size: Int64

        package init(_ kind: Kind, _ subject: String, _ message: String, size: Int64 = 0) {
            self.kind = kind
            self.subject = subject
            self.message = message
            self.size = size
        }

        package var json: JSON {
            [
                "kind": .string(kind.rawValue), "subject": .string(subject), "message": .string(message),
                "size": .integer(size),
            ]
        }
    }

    /// How long a running server has to end what it was in the middle of, before a stray file counts.
    static let patience = Duration.seconds(2)

    /// All of it; `data` is the data folder.
    package static func run(
        ledger: any LedgerStore, store: any BlobStore, data: String, isServed: Bool,
        time: any TimeSource = SystemTime()
    ) async throws -> [Finding] {
        var findings = try await run(ledger: ledger, store: store)
        guard let local = try LocalBytes(ledger: ledger, data: data) else { return findings }
        findings += try await local.missing()
        return try await findings + local.strays { if isServed { try await time.sleep(for: patience) } }
    }

    /// The store alone. Row by row, then page by page of the store: what is held at once is a few tracks' files, a page, and what was found.
    package static func run(ledger: any LedgerStore, store: any BlobStore) async throws -> [Finding] {
        let kept = Kept(ledger: ledger, store: store)
        return try await kept.tracks() + kept.media() + strays(ledger, store)
    }

    /// What lies in the store and nothing needs.
    private static func strays(_ ledger: any LedgerStore, _ store: any BlobStore) async throws -> [Finding] {
        let owners = Owners(ledger)
        var findings: [Finding] = []
        var after: BlobKey?
        while true {
            let page = try await store.list(prefix: "", after: after, limit: 1000)
            let named = try await owners.named(among: page.map(\.key.path))
            for entry in page where !named.contains(entry.key.path) {
                // A running server went on between the looks: what was swept meanwhile is gone.
                guard let size = try await store.size(of: entry.key) else { continue }
                let key = entry.key.path
                findings.append(
                    Owners.Name(key) == .foreign
                        ? Finding(.foreign, key, "It is no name of ours, and is left alone.", size: size)
                        : Finding(.orphan, key, "Nothing in the ledger names it.", size: size))
            }
            guard let last = page.last, page.count == 1000 else { return findings }
            after = last.key
        }
    }
}
