package import Access
package import Core
package import HTTPClient
import StreamCoord
import Transcode

/// Everything that can be set, read once at start, validated whole before anything runs.
package struct Settings: Sendable {
    package enum Durability: String, Sendable, CaseIterable { case full, fast }

    package let data: String
    package let listen: String
    package let metricsListen: String
    package let publicURL: String?
    /// Progress responses to resumable uploads; off, because nginx up to 1.22 hangs on them.
    package let interim104: Bool
    package let nodeName: String?
    package let roles: Set<Role>
    package let queueDepth: Int
    /// Of a PostgreSQL server; nil for the file in the data folder.
    package let ledger: Secret?
    /// A bucket and a prefix; nil for the folder of this machine.
    package let store: StoreName?
    let storeConnection: StoreConnection
    let ambient: AmbientCredentials
    package let cacheFolder: String?
    package let cacheBytes: Int64
    package let jwtSecret: Secret?
    package let jwtSecretPrevious: Secret?
    package let jwtIssuer: String?
    package let jwtAudience: String?
    package let playbackSecret: Secret?
    package let playbackSecretPrevious: Secret?
    package let playbackTTL: Duration
    package let coreURL: String?
    package let coreAPIKey: Secret?
    package let callbackSecret: Secret?
    package let scan: Bool
    package let clamavDatabase: String?
    package let scanWorkers: Int?
    package let scanDeadline: Duration
    package let allowTestSignatures: Bool
    package let maximumAudioBytes: Int64
    package let maximumImageBytes: Int64
    package let maximumVideoBytes: Int64
    package let maximumDocBytes: Int64
    package let maximumDuration: Duration
    package let uploadsPerHour: Int
    package let openUploads: Int
    package let uploadTTL: Duration
    package let durability: Durability
    package let tenantQuota: Int64?
    let ladder: Ladder
    package let encoders: Int?
    package let sandbox: Bool
    package let corsOrigins: [String]
    /// Nil is no limit.
    package let rateLimit: Rate?
    package let trustedProxies: [AddressBlock]
    package let logFormat: Log.Format?
    package let logLevel: Log.Level
    package let metricsToken: Secret?
    package let maximumConnections: Int
    package let idleTimeout: Duration
    package let drainTimeout: Duration
    package let url: String?
    package let key: Secret?

    /// What every key is worth, and where it came from; secrets hidden.
    package let effective: [(key: String, value: String, origin: String)]
    package let warnings: [String]

    package static func load(
        arguments: [String], environment: [String: String]
    ) throws(SettingsFailure) -> Settings {
        let sources = SettingsSources(arguments: arguments, environment: environment)
        var reader = SettingsReader(sources.texts, faults: sources.faults)
        let settings = Settings(
            &reader, ambient: AmbientCredentials(environment), warnings: sources.warnings)
        guard reader.faults.isEmpty else { throw SettingsFailure(reader.faults) }
        return settings
    }

    private init(_ read: inout SettingsReader, ambient: AmbientCredentials, warnings: [String]) {
        data = read.text("SLUICE_DATA") ?? "./sluice-data"
        listen = read.address("SLUICE_LISTEN")
        metricsListen = read.address("SLUICE_METRICS_LISTEN")
        publicURL = read.url("SLUICE_PUBLIC_URL")
        nodeName = read.text("SLUICE_NODE")
        roles = read.roles("SLUICE_ROLES")
        queueDepth = Int(read.whole("SLUICE_QUEUE_DEPTH") ?? 10_000)
        ledger = read.ledger("SLUICE_LEDGER")
        store = read.store("SLUICE_STORE")
        storeConnection = read.storeConnection()
        self.ambient = ambient
        cacheFolder = read.text("SLUICE_CACHE_FOLDER")
        cacheBytes = (read.whole("SLUICE_CACHE_GB", to: 1 << 20) ?? 10) << 30
        jwtSecret = read.secret("SLUICE_JWT_SECRET")
        jwtSecretPrevious = read.secret("SLUICE_JWT_SECRET_PREVIOUS")
        jwtIssuer = read.text("SLUICE_JWT_ISSUER")
        jwtAudience = read.text("SLUICE_JWT_AUDIENCE")
        playbackSecret = read.secret("SLUICE_PLAYBACK_SECRET")
        playbackSecretPrevious = read.secret("SLUICE_PLAYBACK_SECRET_PREVIOUS")
        playbackTTL = read.duration("SLUICE_PLAYBACK_TTL") ?? .seconds(14_400)
        coreURL = read.url("SLUICE_CORE_URL")
        coreAPIKey = read.secret("SLUICE_CORE_API_KEY")
        callbackSecret = read.secret("SLUICE_CALLBACK_SECRET")
        interim104 = read.flag("SLUICE_INTERIM_104")
        scan = read.flag("SLUICE_SCAN")
        clamavDatabase = read.text("SLUICE_CLAMAV_DB")
        scanWorkers = read.whole("SLUICE_SCAN_WORKERS", to: 256).map { Int($0) }
        scanDeadline = read.duration("SLUICE_SCAN_DEADLINE") ?? .seconds(120)
        allowTestSignatures = read.flag("SLUICE_ALLOW_TEST_SIGNATURES")
        maximumAudioBytes = (read.whole("SLUICE_MAX_UPLOAD_AUDIO_MB", to: 1 << 20) ?? 100) << 20
        maximumImageBytes = (read.whole("SLUICE_MAX_UPLOAD_IMAGE_MB", to: 1 << 20) ?? 10) << 20
        maximumVideoBytes = (read.whole("SLUICE_MAX_UPLOAD_VIDEO_MB", to: 1 << 20) ?? 500) << 20
        maximumDocBytes = (read.whole("SLUICE_MAX_UPLOAD_DOC_MB", to: 1 << 20) ?? 20) << 20
        maximumDuration = read.duration("SLUICE_MAX_DURATION", upToDays: 6) ?? .seconds(21_600)
        uploadsPerHour = Int(read.whole("SLUICE_UPLOADS_PER_HOUR", from: 0) ?? 10)
        openUploads = Int(read.whole("SLUICE_OPEN_UPLOADS", from: 0) ?? 20)
        uploadTTL = read.duration("SLUICE_UPLOAD_TTL") ?? .seconds(86_400)
        durability = read.choice("SLUICE_DURABILITY") ?? .full
        tenantQuota = read.whole("SLUICE_TENANT_QUOTA_GB", to: 1 << 20).map { $0 << 30 }
        ladder = read.choice("SLUICE_PROFILE") ?? .ladder
        encoders = read.whole("SLUICE_ENCODERS", to: 256).map { Int($0) }
        sandbox = read.flag("SLUICE_SANDBOX")
        corsOrigins = read.list("SLUICE_CORS_ORIGINS")
        rateLimit = read.rate("SLUICE_RATE_LIMIT")
        trustedProxies = read.networks("SLUICE_TRUSTED_PROXIES")
        logFormat = read.choice("SLUICE_LOG_FORMAT")
        logLevel = read.choice("SLUICE_LOG_LEVEL") ?? .info
        metricsToken = read.secret("SLUICE_METRICS_TOKEN")
        maximumConnections = Int(read.whole("SLUICE_MAX_CONNECTIONS", to: 1 << 20) ?? 16_384)
        idleTimeout = read.duration("SLUICE_IDLE_TIMEOUT") ?? .seconds(75)
        drainTimeout = read.duration("SLUICE_DRAIN_TIMEOUT") ?? .seconds(30)
        url = read.url("SLUICE_URL")
        key = read.secret("SLUICE_KEY")
        self.warnings = warnings
        Self.checkTheRest(&read)
        let texts = read.texts
        effective = SettingKey.all.map { key in
            let (text, origin) = texts[key.name] ?? (key.standard, .default)
            return (key.name, key.shown(text), origin.rawValue)
        }
    }

    /// Keys whose value only a later part reads, and those that only one value fits.
    private static func checkTheRest(_ read: inout SettingsReader) {
        if let secret = read.text("SLUICE_CALLBACK_SECRET"),
            CallbackSecret(secret) == nil
        {
            read.fault(
                "SLUICE_CALLBACK_SECRET", why: "must be whsec_ and base64 of at least 16 bytes.",
                remedy: "make one: echo whsec_$(openssl rand -base64 32)")
        }
        let secrets = ["SLUICE_JWT_SECRET", "SLUICE_PLAYBACK_SECRET"]
        for key in secrets + secrets.map({ $0 + "_PREVIOUS" }) {
            if let secret = read.text(key), secret.utf8.count < 16 {
                read.fault(key, why: "must have at least 16 bytes.", remedy: "make one: openssl rand -hex 32")
            }
        }
        _ = read.flag("SLUICE_AUTO_PREPARE")
        for key in ["SLUICE_SCAN_MAX_DB_AGE", "SLUICE_QUARANTINE_TTL"] { _ = read.duration(key) }
        _ = read.whole("SLUICE_RESCAN_DAYS", from: 0)
    }
}
