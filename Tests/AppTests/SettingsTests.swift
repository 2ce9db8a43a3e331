import Access
import App
import Core
import HTTPClient
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The settings` {
    private func faults(_ arguments: [String] = [], _ environment: [String: String] = [:]) -> [String] {
        do {
            _ = try Settings.load(arguments: arguments, environment: environment)
            return []
        } catch {
            return error.faults.map(\.key)
        }
    }

    @Test func `need nothing at all`() throws {
        let settings = try Settings.load(arguments: [], environment: ["PATH": "/bin"])
        #expect(settings.listen == "127.0.0.1:8082" && settings.data == "./sluice-data")
        #expect(settings.maximumAudioBytes == 100 << 20 && settings.playbackTTL == .seconds(14_400))
        #expect(settings.scan && settings.sandbox)
    }

    @Test func `are told wrong all at once, each by its name`() {
        let wrong = [
            "SLUICE_MAX_UPLOAD_AUDIO_MB": "0", "SLUICE_LOG_FORMAT": "xml", "SLUICE_LISTEN": "nowhere",
            "SLUICE_PLAYBACK_TTL": "4",
            "SLUICE_CALLBACK_SECRET": "secret", "SLUICE_SCAN": "perhaps", "SLUICE_LEDGER": "mysql",
        ]
        #expect(Set(faults([], wrong)) == Set(wrong.keys))
    }

    @Test(arguments: [
        "-9223372036854775808", "-1", "9223372036854775807", "9223372036854775808", "99999999999999999999999999",
        "9223372036854775807d", "1000001d", "9223372036854775807/min", "1e9", "0x10", "+1", "٣",
    ])
    func `of numbers are refused where they are no number that makes sense`(text: String) {
        let keys = [
            "SLUICE_QUEUE_DEPTH", "SLUICE_CACHE_GB", "SLUICE_PLAYBACK_TTL", "SLUICE_SCAN_WORKERS",
            "SLUICE_SCAN_DEADLINE",
            "SLUICE_SCAN_MAX_DB_AGE", "SLUICE_RESCAN_DAYS", "SLUICE_QUARANTINE_TTL", "SLUICE_MAX_UPLOAD_AUDIO_MB",
            "SLUICE_MAX_UPLOAD_IMAGE_MB", "SLUICE_MAX_UPLOAD_VIDEO_MB", "SLUICE_MAX_UPLOAD_DOC_MB",
            "SLUICE_MAX_DURATION",
            "SLUICE_UPLOADS_PER_HOUR", "SLUICE_UPLOAD_TTL", "SLUICE_TENANT_QUOTA_GB", "SLUICE_OPEN_UPLOADS",
            "SLUICE_ENCODERS", "SLUICE_RATE_LIMIT", "SLUICE_MAX_CONNECTIONS", "SLUICE_IDLE_TIMEOUT",
            "SLUICE_DRAIN_TIMEOUT",
        ]
        #expect(Set(faults([], Dictionary(uniqueKeysWithValues: keys.map { ($0, text) }))) == Set(keys))
    }

    @Test func `that nobody knows are refused with the nearest that is known`() throws {
        let failure = #expect(throws: SettingsFailure.self) {
            try Settings.load(
                arguments: ["--log-formt", "json"],
                environment: ["SLUICE_LOG_FORMATT": "json", "SLUICE_PORT_8082_TCP": "x"])
        }
        let text = try #require(failure?.text)
        #expect(text.contains("SLUICE_LOG_FORMATT") && text.contains("did you mean SLUICE_LOG_FORMAT?"))
        #expect(text.contains("did you mean --log-format?"))
        #expect(!text.contains("SLUICE_PORT_8082_TCP"))
        #expect(text.hasPrefix("sluice: 2 settings are wrong, nothing was started."))
    }

    @Test func `of a flag win over those of the environment`() throws {
        let settings = try Settings.load(
            arguments: ["--listen", "127.0.0.1:1", "--log-level=debug"],
            environment: ["SLUICE_LISTEN": "127.0.0.1:2", "SLUICE_LOG_LEVEL": "error"])
        #expect(settings.listen == "127.0.0.1:1" && settings.logLevel == .debug)
        #expect(settings.effective.first { $0.key == "SLUICE_LISTEN" }?.origin == "flag")
    }

    @Test func `that are secret are never printed`() throws {
        let settings = try Settings.load(arguments: [], environment: ["SLUICE_JWT_SECRET": "a-secret-of-enough-bytes"])
        #expect(!"\(settings)".contains("a-secret-of-enough-bytes"))
        #expect(settings.effective.first { $0.key == "SLUICE_JWT_SECRET" }?.value == "<redacted>")
        let failure = #expect(throws: SettingsFailure.self) {
            try Settings.load(arguments: [], environment: ["SLUICE_CALLBACK_SECRET": "not-in-the-form"])
        }
        #expect(failure?.text.contains("not-in-the-form") == false)
        for address in ["postgres://sluice:open-sesame@db/sluice", "postgresql://db/sluice?password=open-sesame"] {
            let settings = try Settings.load(arguments: [], environment: ["SLUICE_LEDGER": address])
            #expect(settings.ledger != nil && !"\(settings)".contains("open-sesame"))
        }
        for address in ["postgres://sluice:open-sesame@db:nowhere:5/%zz", "host=db password=open-sesame"] {
            let failure = #expect(throws: SettingsFailure.self) {
                try Settings.load(arguments: [], environment: ["SLUICE_LEDGER": address])
            }
            #expect(failure?.text.contains("SLUICE_LEDGER") == true && failure?.text.contains("open-sesame") == false)
        }
    }

    @Test(arguments: [
        ("SLUICE_DRAIN_TIMEOUT", "+5s"), ("SLUICE_PLAYBACK_TTL", "-5s"), ("SLUICE_PLAYBACK_TTL", "5 s"),
        ("SLUICE_JWT_SECRET_PREVIOUS", "fifteen bytes.."), ("SLUICE_PLAYBACK_SECRET_PREVIOUS", "short"),
        ("SLUICE_RATE_LIMIT", "+600/min"), ("SLUICE_RATE_LIMIT", "600"), ("SLUICE_RATE_LIMIT", "0/min"),
        ("SLUICE_TRUSTED_PROXIES", "10.0.0.0/33"), ("SLUICE_TRUSTED_PROXIES", "localhost"),
        ("SLUICE_ROLES", "ingest,transcode"), ("SLUICE_ROLES", "ingest,deliver"), ("SLUICE_LISTEN", "127.0.0.1:+80"),
        ("SLUICE_MAX_DURATION", "1000000d"), ("SLUICE_MAX_DURATION", "7d"), ("SLUICE_SCAN_DEADLINE", "1000000d"),
    ])
    func `refuse what only looks right`(_ key: String, _ value: String) {
        #expect(faults([], [key: value]) == [key])
    }

    @Test func `say what a node does, how often one may ask, and which proxies are believed`() throws {
        let standard = try Settings.load(arguments: [], environment: [:])
        #expect(standard.roles == [.ingest, .deliver, .work])
        #expect(standard.rateLimit == Rate("600/min"))
        #expect(standard.trustedProxies.isEmpty)
        let settings = try Settings.load(
            arguments: ["--roles", "deliver, work", "--rate-limit", "0"],
            environment: ["SLUICE_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1"])
        #expect(settings.roles == [.deliver, .work])
        #expect(settings.rateLimit == nil)
        #expect(settings.trustedProxies.map(\.description) == ["10.0.0.0/8", "2001:db8::1/128"])
    }
}
