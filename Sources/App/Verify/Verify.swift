package import Core
package import Ledger
package import Storage

/// Compares what the ledger promises with what lies in the store, both ways, server running or not. Looking changes
/// nothing; `repair` takes away what nothing names, and nothing else.
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

    package static func run(ledger: any LedgerStore, store: any BlobStore) async throws -> [Finding] {
        let there = try await sizes(of: store)
        let promises = try await Promises(ledger)
        let named = try await Owners(ledger).named(among: there.keys.filter { promises.files[$0] == nil })
        let missing = promises.files.keys.filter { there[$0] == nil }.sorted()
        let strays = there.keys.filter { promises.files[$0] == nil && !named.contains($0) }.sorted()
        // A running server went on between the looks: what was published meanwhile is there now, and what was swept
        // meanwhile is gone.
        let came = try await present(missing, in: store)
        let stayed = try await present(strays, in: store)
        var findings = promises.damaged
        for key in missing where !came.contains(key) {
            findings.append(Finding(.missing, key, "The \(promises.files[key]?.owner ?? "") needs it."))
        }
        findings += promises.wrongSizes(there)
        for key in strays where stayed.contains(key) {
            let size = there[key] ?? 0
            findings.append(
                Owners.Name(key) == .foreign
                    ? Finding(.foreign, key, "It is no name of ours, and is left alone.", size: size)
                    : Finding(.orphan, key, "Nothing in the ledger names it.", size: size))
        }
        return findings
    }

    private static func present(_ keys: [String], in store: any BlobStore) async throws -> Set<String> {
        var present: Set<String> = []
        for key in keys {
            guard let blob = BlobKey(key), try await store.size(of: blob) != nil else { continue }
            present.insert(key)
        }
        return present
    }

    private static func sizes(of store: any BlobStore) async throws -> [String: Int64] {
        var sizes: [String: Int64] = [:]
        var after: BlobKey?
        while true {
            let page = try await store.list(prefix: "", after: after, limit: 1000)
            for entry in page { sizes[entry.key.path] = entry.size }
            guard let last = page.last, page.count == 1000 else { return sizes }
            after = last.key
        }
    }
}
