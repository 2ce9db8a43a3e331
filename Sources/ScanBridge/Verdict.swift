/// What a scan proved about one file. Only `clean` may go on to listeners; everything that is not proven is not clean.
package enum Verdict: Sendable, Equatable {
    case clean(Evidence)
    /// The names of the signatures that hit.
    case infected([String], Evidence)
    /// No signature hit, but something is in it that cannot be looked into, or that a heuristic names.
    case suspicious([String], Evidence)
    /// The scan did not come to a trustworthy end.
    case unscannable(String, Evidence)

    package var evidence: Evidence {
        switch self {
        case .clean(let evidence), .infected(_, let evidence), .suspicious(_, let evidence),
            .unscannable(_, let evidence):
            evidence
        }
    }

    /// As it is said outside: `clean`, `infected`, `suspicious`, `unscannable`.
    package var name: String {
        switch self {
        case .clean: "clean"
        case .infected: "infected"
        case .suspicious: "suspicious"
        case .unscannable: "unscannable"
        }
    }

    package var isClean: Bool {
        if case .clean = self { true } else { false }
    }

    /// The signature names of an infected file, or what made it suspicious.
    package var signatures: [String] {
        switch self {
        case .infected(let names, _), .suspicious(let names, _): names
        case .clean, .unscannable: []
        }
    }

    /// One sentence for the reader of a quarantine; nil where the name says it all.
    package var reason: String? {
        switch self {
        case .clean: nil
        case .infected(let names, _): names.joined(separator: ", ")
        case .suspicious(let names, _): names.joined(separator: ", ")
        case .unscannable(let reason, _): reason
        }
    }
}
