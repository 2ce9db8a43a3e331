package import Core
import Crypto

/// The secret callbacks are signed with, in Standard Webhooks' form: `whsec_` and base64 of 24 to 64 bytes.
package struct CallbackSecret: Sendable, CustomStringConvertible {
    fileprivate let key: [UInt8]

    /// Nil for what is not of that form.
    package init?(_ text: String) {
        guard text.hasPrefix("whsec_"), let key = Base64.decode(String(text.dropFirst(6))), key.count >= 16 else {
            return nil
        }
        self.key = key
    }

    package var description: String { "<redacted>" }
}

/// The fields that let a receiver know who sent the body, and that nobody changed or replayed it.
package enum CallbackSignature {
    /// Standard Webhooks 1.0, one signature a secret (two during a rotation, the current first), and FieldTrack's form.
    package static func fields(
        id: EventID, at now: Timestamp, body: [UInt8], secrets: [CallbackSecret]
    ) -> [(String, String)] {
        let timestamp = String(now.seconds)
        let signed = Array("\(id).\(timestamp).".utf8) + body
        var fields = [("webhook-id", id.text), ("webhook-timestamp", timestamp)]
        guard let current = secrets.first else { return fields }
        let signatures = secrets.map { "v1," + Base64.encode(HMACSHA256.code(key: $0.key, signed)) }
        fields.append(("webhook-signature", signatures.joined(separator: " ")))
        let plain = HMACSHA256.code(key: current.key, Array("\(timestamp).".utf8) + body)
        fields.append(("X-Webhook-Signature", "sha256=" + Hex.encode(plain)))
        fields.append(("X-Webhook-Timestamp", timestamp))
        return fields
    }
}
