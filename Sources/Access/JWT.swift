package import Core
package import Crypto

/// RFC 7519 tokens signed by HS256, and nothing else: an `alg` of `none` or of a public key is no token here.
package enum JWT {
    /// Longer ones are not looked at.
    static let maximumLength = 8192

    package static func sign(_ claims: JSON, secret: [UInt8]) -> String { sign(claims, key: HMACKey(secret)) }

    package static func sign(_ claims: JSON, key: HMACKey) -> String {
        let signed = head + "." + Base64.url.encode(claims.bytes)
        return signed + "." + Base64.url.encode(key.code(Array(signed.utf8)))
    }

    package static func verify(_ text: some StringProtocol, secrets: [[UInt8]]) -> JSON? {
        verify(text, keys: secrets.map { HMACKey($0) })
    }

    /// The claims of a token that one of `keys` signed; nil for anything else. Times are not judged here: a forged
    /// token must be called forged, whatever its expiry says.
    package static func verify(_ text: some StringProtocol, keys: [HMACKey]) -> JSON? {
        guard text.utf8.count <= maximumLength else { return nil }
        return verify(Array(text.utf8), keys: keys)
    }

    package static func verify(_ bytes: [UInt8], keys: [HMACKey]) -> JSON? {
        guard bytes.count <= maximumLength else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let signature = decoded(parts[2]) else { return nil }
        let message = bytes[..<parts[1].endIndex]
        guard keys.contains(where: { $0.verifies(signature, of: message) }), isOurs(parts[0]) else { return nil }
        return object(parts[1])
    }

    private static let head = Base64.url.encode(JSON.object([("alg", "HS256"), ("typ", "JWT")]).bytes)
    private static let headBytes = Array(head.utf8)

    /// RFC 7515 §4.1.11: a critical extension that is not understood makes a token invalid; none is understood here.
    private static func isOurs(_ part: ArraySlice<UInt8>) -> Bool {
        // The head that nearly every library writes needs no reading.
        if part.elementsEqual(headBytes) { return true }
        guard let head = object(part) else { return false }
        return head["alg"]?.string == "HS256" && head["crit"] == nil
    }

    private static func decoded(_ part: ArraySlice<UInt8>) -> [UInt8]? {
        Base64.url.decode(letters: part)
    }

    private static func object(_ part: ArraySlice<UInt8>) -> JSON? {
        // What is no JSON is no token; which byte was wrong helps only a forger.
        guard let bytes = decoded(part), let json = try? JSON.parse(bytes, depth: 8), json.members != nil else {
            return nil
        }
        return json
    }
}
