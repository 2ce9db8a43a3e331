import App
import Core
import Crypto
import Access

/// `token`: signs a playback token with this folder's secret, whether the server runs or not.
enum TokenCommand {
    static func run(_ arguments: [String]) throws -> Int32 {
        let flags = try Flags(arguments, valued: ["--track", "--tenant", "--expires", "--data"], plain: ["--json"])
        guard let track = flags.value("--track").flatMap({ TrackID($0) }) else {
            throw Complaint.usage("no track is named", "sluice token --track TRACK")
        }
        guard let tenant = TenantID(flags.value("--tenant") ?? "default") else {
            throw Complaint.usage("the tenant is no id", "letters, digits, _ and -")
        }
        let settings = try Home.settings(data: flags.value("--data"))
        let secret = try settings.playbackSecret.map { Array($0.text.utf8) } ?? Home.secret(settings, "playback")
        let now = SystemTime().now
        let lifetime = try flags.value("--expires").map(Home.duration) ?? settings.playbackTTL
        let claims: JSON = [
            "aud": "playback", "track": .string(track.text), "tenant": .string(tenant.text),
            "sid": .string(SessionID.make().text),
            "iat": .integer(now.seconds), "exp": .integer((now + lifetime).seconds),
        ]
        let token = JWT.sign(claims, secret: secret)
        let base = settings.publicURL ?? "http://\(Server.address(settings.data) ?? settings.listen)"
        let url = "\(base)/stream/\(token)/\(track)/index.m3u8"
        if flags.has("--json") {
            Terminal.out(JSON.object([("token", .string(token)), ("url", .string(url))]).text + "\n")
        } else {
            Terminal.out("\(token)\n\(url)\n")
        }
        return 0
    }
}

/// `config`: every setting and where it came from.
enum ConfigCommand {
    static func run(_ arguments: [String]) throws -> Int32 {
        let isJSON = arguments.contains("--json")
        let settings = try Settings.load(
            arguments: arguments.filter { $0 != "--json" }, environment: Sluice.environment)
        if isJSON {
            let items = settings.effective.map { key, value, origin in
                (key, JSON.object([("value", .string(value)), ("origin", .string(origin))]))
            }
            Terminal.out(JSON.object(items).text + "\n")
        } else {
            for (key, value, origin) in settings.effective {
                let pad = String(repeating: " ", count: max(1, 34 - key.count))
                Terminal.out("\(key)\(pad)\(value.isEmpty ? "-" : value)  (\(origin))\n")
            }
        }
        return 0
    }
}
