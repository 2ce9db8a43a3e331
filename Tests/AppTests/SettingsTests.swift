import App
import Core
import Testing

@Suite struct `The settings` {
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
}
