package import Core
import Crypto

/// Tokens as a core API mints them, made here by hand and not by the code under test.
package enum TestToken {
    package static func sign(_ claims: JSON, secret: String) -> String {
        let head = Base64.url.encode(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
        let signed = head + "." + Base64.url.encode(claims.bytes)
        return signed + "." + Base64.url.encode(HMACSHA256.code(key: Array(secret.utf8), Array(signed.utf8)))
    }

    package static func access(
        user: String = "user-1", tenant: String = "default", secret: String,
        permissions: [String] = ["UploadAudio", "StreamAudio", "ManageTracks", "Admin"]
    ) -> String {
        let now = SystemTime().now.seconds
        return sign(
            [
                "sub": .string(user), "tenant": .string(tenant), "type": "access", "iat": .integer(now),
                "exp": .integer(now + 3600), "permissions": .array(permissions.map { .string($0) }),
            ], secret: secret)
    }
}
