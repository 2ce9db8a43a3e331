import Platform

/// What was said where: flags over environment over a file. Names that nobody knows are faults here.
struct SettingsSources {
    private(set) var texts: [String: (text: String, origin: SettingsReader.Origin)] = [:]
    private(set) var faults: [SettingsFailure.Fault] = []
    private(set) var warnings: [String] = []

    init(arguments: [String], environment: [String: String]) {
        let flags = read(flags: arguments)
        if let path = flags["SLUICE_CONFIG"] ?? environment["SLUICE_CONFIG"], !path.isEmpty { read(file: path) }
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("SLUICE_") {
            set(name, value, .environment)
        }
        for (name, value) in flags { texts[name] = (value, .flag) }
    }

    private mutating func set(_ name: String, _ value: String, _ origin: SettingsReader.Origin) {
        if SettingKey.find(name) != nil {
            // An empty variable is one that is not set, as shells and orchestrators mean it.
            if !value.isEmpty { texts[name] = (value, origin) }
        } else if name.hasPrefix("SLUICE_SERVICE_") || name.hasPrefix("SLUICE_PORT") {
            warnings.append("\(name) is none of the settings and was ignored.")
        } else {
            let nearest = SettingKey.nearest(name, among: SettingKey.all.map(\.name))
            faults.append(.init(name, "", why: "there is no such setting.", remedy: "did you mean \(nearest)?"))
        }
    }

    private mutating func read(flags arguments: [String]) -> [String: String] {
        var values: [String: String] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            if argument == "--unsafe-no-sandbox" {
                values["SLUICE_SANDBOX"] = "off"
            } else if name == "--allow-test-signatures", parts.count == 1 {
                values["SLUICE_ALLOW_TEST_SIGNATURES"] = "on"
            } else if let key = SettingKey.all.first(where: { $0.flag == name }) {
                if parts.count == 2 {
                    values[key.name] = String(parts[1])
                } else if let value = rest.popFirst() {
                    values[key.name] = value
                } else {
                    faults.append(.init(name, "", why: "a value was expected.", remedy: "\(name) VALUE"))
                }
            } else {
                // What follows a flag that nobody knows is its value, not a second fault.
                if parts.count == 1, let next = rest.first, !next.hasPrefix("-") { rest.removeFirst() }
                let nearest = SettingKey.nearest(name, among: SettingKey.all.map(\.flag))
                faults.append(.init(name, "", why: "there is no such flag.", remedy: "did you mean \(nearest)?"))
            }
        }
        return values
    }

    private mutating func read(file path: String) {
        let bytes: [UInt8]
        do {
            bytes = try Files.readWhole(path, limit: 1 << 20)
        } catch {
            faults.append(
                .init(
                    "SLUICE_CONFIG", path, why: "it cannot be read: \(error).", remedy: "correct the path, or unset it")
            )
            return
        }
        for (number, line) in String(decoding: bytes, as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline
        ).enumerated() {
            let text = line.drop { $0 == " " }
            if text.isEmpty || text.hasPrefix("#") { continue }
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].hasPrefix("SLUICE_") else {
                faults.append(
                    .init(
                        "SLUICE_CONFIG", path, why: "line \(number + 1) is no SLUICE_KEY=value.",
                        remedy: "correct the line"))
                continue
            }
            set(String(parts[0]), String(parts[1]), .file)
        }
    }
}
