package import Core
import Crypto

/// RFC 7519 tokens signed by HS256, and nothing else: an `alg` of `none` or of a public key is no token here.
package enum JWT {
    /// Longer ones are not looked at.
    static let maximumLength = 8192

    package static func sign(_ claims: JSON, secret: [UInt8]) -> String {
        let signed = head + "." + Base64.url.encode(claims.bytes)
        return signed + "." + Base64.url.encode(HMACSHA256.code(key: secret, Array(signed.utf8)))
    }

    /// The claims of a token that one of `secrets` signed; nil for anything else. Times are not judged here: a forged
    /// token must be called forged, whatever its expiry says.
    package static func verify(_ text: some StringProtocol, secrets: [[UInt8]]) -> JSON? {
        let bytes = Array(text.utf8)
        guard bytes.count <= maximumLength else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let signature = decoded(parts[2]) else { return nil }
        let message = Array(bytes[..<parts[1].endIndex])
        guard secrets.contains(where: { constantTimeEqual(HMACSHA256.code(key: $0, message), signature) }),
            let head = object(parts[0]), head["alg"]?.string == "HS256", head["crit"] == nil
        else { return nil }
        return object(parts[1])
    }

    private static let head = Base64.url.encode(JSON.object([("alg", "HS256"), ("typ", "JWT")]).bytes)

    private static func decoded(_ part: ArraySlice<UInt8>) -> [UInt8]? {
        Base64.url.decode(String(decoding: part, as: UTF8.self))
    }

    private static func object(_ part: ArraySlice<UInt8>) -> JSON? {
        // What is no JSON is no token; which byte was wrong helps only a forger.
        guard let bytes = decoded(part), let json = try? JSON.parse(bytes, depth: 8), json.members != nil else {
            return nil
        }
        return json
    }
}
