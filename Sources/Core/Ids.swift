/// Which upload: one run of bytes towards one track.
package struct UploadID: MadeIdentifier {
    package static let prefix = "up_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Which track; made by us, or named by the core API.
package struct TrackID: MadeIdentifier {
    package static let prefix = "trk_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Which encoding of a track.
package struct GenerationID: MadeIdentifier {
    package static let prefix = "gen_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Which piece of work.
package struct JobID: MadeIdentifier {
    package static let prefix = "job_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Which event; the `webhook-id` of its deliveries.
package struct EventID: MadeIdentifier {
    package static let prefix = "evt_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Which listening session: the `sid` of a playback token.
package struct SessionID: MadeIdentifier {
    package static let prefix = "ses_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Which API key.
package struct KeyID: MadeIdentifier {
    package static let prefix = "key_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Whose data. `default` is the operator's own.
package struct TenantID: Identifier {
    package static let operatorsOwn = TenantID(checked: "default")
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// Which process on which machine: random, kept in the data folder beside its lock.
package struct NodeID: MadeIdentifier {
    package static let prefix = "node_"
    package let text: String
    package init(checked text: String) { self.text = text }
}

/// One request, in every log line, job row and callback that came of it.
package struct RequestID: Identifier {
    package let text: String
    package init(checked text: String) { self.text = text }
    package static func make() -> Self { Self(checked: randomBase62(16)) }
}

/// Who acts: the token's `sub`, or the id of an API key. Any printable text up to 200 bytes.
package struct UserID: Hashable, Sendable, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    /// For text that is known to be one: an id of ours.
    package init(checked text: String) { self.text = text }

    package init?(_ text: some StringProtocol) {
        guard (1...200).contains(text.utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { return nil }
        self.text = String(text)
    }

    /// Byte for byte, as the ledger compares. Swift's strings are equal by canonical equivalence: `é` typed in two ways
    /// would be one user.
    package static func == (a: Self, b: Self) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(0xFF))
    }
}
