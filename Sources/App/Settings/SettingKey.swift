/// One row of the table that feeds flags, environment, file, `config` and the docs.
package struct SettingKey: Sendable {
    package let name: String
    /// As it is written; empty where there is none.
    package let standard: String
    package let meaning: String
    let isSecret: Bool

    init(_ name: String, _ standard: String, _ meaning: String, isSecret: Bool = false) {
        self.name = name
        self.standard = standard
        self.meaning = meaning
        self.isSecret = isSecret
    }

    /// `SLUICE_LOG_FORMAT` is `--log-format`.
    package var flag: String {
        let words = name.hasPrefix("SLUICE_") ? name.dropFirst(7) : name[...]
        return "--" + words.lowercased().map { $0 == "_" ? "-" : String($0) }.joined()
    }

    /// As it may be printed: no secret, and no address that may hold a password.
    func shown(_ text: String) -> String {
        // A password may stand in an address before the host or, for libpq, behind it.
        isSecret && !text.isEmpty || text.contains("@") || text.contains("password=") ? "<redacted>" : text
    }

    package static let all: [SettingKey] = [
        SettingKey("SLUICE_CONFIG", "", "a KEY=value file"),
        SettingKey("SLUICE_DATA", "./sluice-data", "everything embedded: ledger, spool, blobs, quarantine, secrets"),
        SettingKey("SLUICE_LISTEN", "127.0.0.1:8082", "where the API and players are served; port 0 picks a free one"),
        SettingKey("SLUICE_METRICS_LISTEN", "127.0.0.1:9464", "where metrics and health are served"),
        SettingKey("SLUICE_PUBLIC_URL", "", "base of the URLs that are handed out; else from the request"),
        SettingKey("SLUICE_ROLES", "ingest,deliver,work", "what this node does"),
        SettingKey("SLUICE_NODE", "", "this node's name; else the host's"),
        SettingKey("SLUICE_NODE_URL", "", "where this node is reached by itself"),
        SettingKey("SLUICE_QUEUE_DEPTH", "10000", "past it QUEUE_OVERLOADED"),
        SettingKey(
            "SLUICE_LEDGER", "sqlite", "where state is kept: sqlite, or postgres://user:password@host/database"),
        SettingKey(
            "SLUICE_STORE", "file", "where originals and segments are kept: file, or s3://bucket/prefix"),
        SettingKey("SLUICE_S3_ENDPOINT", "", "https://host of an S3 store that is not AWS's"),
        SettingKey("SLUICE_S3_REGION", "", "of the bucket; else it is found out"),
        SettingKey("SLUICE_S3_STYLE", "", "path or virtual: where the bucket stands in URLs; else it is found out"),
        SettingKey("SLUICE_S3_CA_FILE", "", "certificates (PEM) to believe the S3 store by, in place of the system's"),
        SettingKey(
            "SLUICE_CACHE_FOLDER", "", "where blobs of an S3 store are cached for players; else in the data folder"),
        SettingKey("SLUICE_CACHE_GB", "10", "largest cache, in GiB; never more than half of the free disk"),
        SettingKey("SLUICE_SOURCE_BUCKETS", "", "buckets that prepare may read from"),
        SettingKey("SLUICE_JWT_SECRET", "", "signs API tokens; made once if unset", isSecret: true),
        SettingKey("SLUICE_JWT_SECRET_PREVIOUS", "", "still believed while the secret rotates", isSecret: true),
        SettingKey("SLUICE_JWT_ISSUER", "", "tokens must name it, if set"),
        SettingKey("SLUICE_JWT_AUDIENCE", "", "tokens must name it, if set"),
        SettingKey("SLUICE_JWKS_FILE", "", "public keys of token issuers"),
        SettingKey("SLUICE_PLAYBACK_SECRET", "", "signs playback links; made once if unset", isSecret: true),
        SettingKey("SLUICE_PLAYBACK_SECRET_PREVIOUS", "", "still believed while the secret rotates", isSecret: true),
        SettingKey("SLUICE_PLAYBACK_TTL", "4h", "how long a playback link lives"),
        SettingKey("SLUICE_CORE_URL", "", "the core API that is called back; none: no callback"),
        SettingKey("SLUICE_CORE_API_KEY", "", "sent to the core API as X-API-Key", isSecret: true),
        SettingKey("SLUICE_CALLBACK_SECRET", "", "signs callbacks, in the form whsec_<base64>", isSecret: true),
        SettingKey("SLUICE_CALLBACK_ALLOW", "", "private networks (CIDR) that callbacks may reach"),
        SettingKey("SLUICE_SCAN", "on", "off publishes unscanned files"),
        SettingKey("SLUICE_CLAMAV_DB", "", "a signature folder or file; else found"),
        SettingKey("SLUICE_SCAN_WORKERS", "", "files scanned at once; else one a core"),
        SettingKey("SLUICE_SCAN_DEADLINE", "120s", "past it a file is unscannable"),
        SettingKey("SLUICE_SCAN_LARGE", "window", "how files beyond the engine's limit are scanned"),
        SettingKey("SLUICE_SCAN_MAX_DB_AGE", "7d", "older signatures are told by /readyz"),
        SettingKey("SLUICE_RESCAN_DAYS", "7", "how long new signatures are tried on new tracks"),
        SettingKey("SLUICE_QUARANTINE_TTL", "90d", "how long held files are kept"),
        SettingKey("SLUICE_ALLOW_TEST_SIGNATURES", "off", "listen beyond loopback with test signatures"),
        SettingKey("SLUICE_MAX_UPLOAD_AUDIO_MB", "100", "largest audio upload, in MiB"),
        SettingKey("SLUICE_MAX_UPLOAD_IMAGE_MB", "10", "largest image upload, in MiB"),
        SettingKey("SLUICE_MAX_UPLOAD_VIDEO_MB", "500", "largest video upload, in MiB"),
        SettingKey("SLUICE_MAX_UPLOAD_DOC_MB", "20", "largest document upload, in MiB"),
        SettingKey("SLUICE_MAX_DURATION", "6h", "longest audio, at most 6d"),
        SettingKey("SLUICE_UPLOADS_PER_HOUR", "10", "of one user; 0 is no limit"),
        SettingKey("SLUICE_UPLOAD_TTL", "24h", "an unfinished upload lives so long"),
        SettingKey("SLUICE_DURABILITY", "full", "full or fast; fast may lose acknowledged bytes in a power cut"),
        SettingKey(
            "SLUICE_TENANT_QUOTA_GB", "",
            "the limit of a tenant, in GiB; PUT /admin/tenants/{id} overrides it"),
        SettingKey("SLUICE_OPEN_UPLOADS", "20", "unfinished uploads of one user; 0 is no limit"),
        SettingKey("SLUICE_INTERIM_104", "off", "progress responses of resumable uploads"),
        SettingKey("SLUICE_PROFILE", "ladder", "ladder (AAC 64/128/256, FLAC) or aac"),
        SettingKey("SLUICE_AUTO_PREPARE", "on", "prepare uploads by themselves"),
        SettingKey("SLUICE_ENCODERS", "", "tracks encoded at once; else one a core"),
        SettingKey("SLUICE_SANDBOX", "on", "off runs ffmpeg and the scanner without a jail"),
        SettingKey("SLUICE_TRUSTED_PROXIES", "", "networks (CIDR) whose X-Forwarded fields are believed"),
        SettingKey("SLUICE_CORS_ORIGINS", "*", "origins whose pages may call the API"),
        SettingKey("SLUICE_RATE_LIMIT", "600/min", "per key, user, tenant and IP; 0 is none"),
        SettingKey("SLUICE_LOG_FORMAT", "", "text or json; else text at a terminal"),
        SettingKey("SLUICE_LOG_LEVEL", "info", "debug, info, warning or error"),
        SettingKey("SLUICE_METRICS_TOKEN", "", "asked for by /metrics, if set", isSecret: true),
        SettingKey("SLUICE_MAX_CONNECTIONS", "16384", "past it connections are turned away"),
        SettingKey("SLUICE_IDLE_TIMEOUT", "75s", "an idle connection is closed after it"),
        SettingKey("SLUICE_URL", "", "for the CLI: a server elsewhere"),
        SettingKey("SLUICE_KEY", "", "for the CLI: its API key", isSecret: true),
        SettingKey("SLUICE_DRAIN_TIMEOUT", "30s", "time to end in order after SIGTERM"),
    ]

    static func find(_ name: String) -> SettingKey? { all.first { $0.name == name } }

    /// The known name that is fewest edits away.
    static func nearest(_ name: String, among names: [String]) -> String {
        names.min { distance(name, $0) < distance(name, $1) } ?? ""
    }

    private static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8.prefix(80)), Array(b.utf8))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var last = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                (last, row[j + 1]) = (row[j + 1], x == y ? last : 1 + min(last, row[j], row[j + 1]))
            }
        }
        return row[b.count]
    }
}
