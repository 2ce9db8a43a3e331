import Access
import Core
import HTTPClient
import Ledger

/// Turns texts into values and gathers what is wrong; whoever reads goes on with the default meanwhile.
struct SettingsReader {
    enum Origin: String, Sendable { case flag, environment, file, `default` }

    private(set) var texts: [String: (text: String, origin: Origin)]
    private(set) var faults: [SettingsFailure.Fault]

    init(_ texts: [String: (text: String, origin: Origin)], faults: [SettingsFailure.Fault]) {
        self.texts = texts
        self.faults = faults
    }

    /// What was said, or the default; nil where there is neither.
    func text(_ key: String) -> String? {
        let text = texts[key]?.text ?? SettingKey.find(key)?.standard ?? ""
        return text.isEmpty ? nil : text
    }

    mutating func fault(_ key: String, why: String, remedy: String? = nil) {
        let row = SettingKey.find(key)
        let text = texts[key]?.text ?? row?.standard ?? ""
        let value = row?.shown(text) ?? text
        let standard = row?.standard ?? ""
        faults.append(
            .init(
                key, value, why: why,
                remedy: remedy ?? (standard.isEmpty ? "correct or unset it" : "unset it for the default, \(standard)")))
    }

    mutating func whole(_ key: String, from least: Int64 = 1, to most: Int64 = 1 << 40) -> Int64? {
        guard let text = text(key) else { return nil }
        if let number = Int64(text), (least...most).contains(number), text.utf8.first != UInt8(ascii: "+") {
            return number
        }
        fault(key, why: "must be a whole number from \(least)" + (most < 1 << 40 ? " to \(most)." : "."))
        return nil
    }

    /// Bounded everywhere, so that no moment and no count of samples overflows.
    mutating func duration(_ key: String, upToDays days: Int = 3650) -> Duration? {
        guard let text = text(key) else { return nil }
        guard let duration = Duration(setting: text) else {
            fault(key, why: "must be a duration such as 90s, 15m, 4h or 7d.")
            return nil
        }
        if duration <= .seconds(days * 86_400) { return duration }
        fault(key, why: "must be at most \(days)d.")
        return nil
    }

    mutating func flag(_ key: String) -> Bool {
        switch text(key) {
        case "on": return true
        case "off": return false
        default:
            fault(key, why: "must be on or off.")
            return true
        }
    }

    mutating func choice<Value: RawRepresentable & CaseIterable>(_ key: String, _ type: Value.Type = Value.self)
        -> Value?
    where Value.RawValue == String {
        guard let text = text(key) else { return nil }
        if let value = Value(rawValue: text) { return value }
        fault(key, why: "must be one of \(Value.allCases.map(\.rawValue).joined(separator: ", ")).")
        return nil
    }

    mutating func address(_ key: String) -> String {
        let text = text(key) ?? ""
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count >= 2, let port = parts.last, UInt16(port) != nil, !port.hasPrefix("+"),
            !text.dropLast(port.count + 1).isEmpty
        {
            return text
        }
        fault(key, why: "must be host:port.")
        return SettingKey.find(key)?.standard ?? ""
    }

    mutating func roles(_ key: String) -> Set<Role> {
        var roles: Set<Role> = []
        for word in list(key) {
            guard let role = Role(rawValue: word) else {
                fault(key, why: "\(word) is no role; there are ingest, deliver and work.")
                return Set(Role.allCases)
            }
            roles.insert(role)
        }
        // Until uploads can be read from elsewhere, their bytes lie where they came in.
        if roles.contains(.ingest), !roles.contains(.work) {
            fault(
                key, why: "what a node takes in only that node can finish, so ingest needs work beside it.",
                remedy: "add work, or leave ingest to another node")
        }
        if roles.isEmpty { fault(key, why: "a node without a role does nothing.") }
        return roles
    }

    /// Nil is no limit.
    mutating func rate(_ key: String) -> Rate? {
        guard let text = text(key), text != "0" else { return nil }
        if let rate = Rate(text) { return rate }
        fault(key, why: "must be such as 600/min (or /s, /h; 1 to 1000000), or 0 for none.")
        return nil
    }

    mutating func networks(_ key: String) -> [AddressBlock] {
        list(key).compactMap { text in
            if let block = AddressBlock(text) { return block }
            fault(key, why: "\(text) is no network; write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32.")
            return nil
        }
    }

    mutating func list(_ key: String) -> [String] {
        (text(key) ?? "").split(separator: ",").map { part in String(part.filter { $0 != " " }) }.filter { !$0.isEmpty }
    }

    mutating func url(_ key: String) -> String? {
        guard let text = text(key) else { return nil }
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        guard isPlain, text.hasPrefix("http://") || text.hasPrefix("https://"), text.utf8.count > 8 else {
            fault(key, why: "must begin with http:// or https://.")
            return nil
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// Nil for the embedded one.
    mutating func ledger(_ key: String) -> Secret? {
        guard let text = text(key), text != "sqlite" else { return nil }
        do throws(LedgerFailure) {
            _ = try PostgresAddress(text)
            return Secret(text)
        } catch {
            fault(key, why: "must be sqlite, or of the form postgres://user:password@host:port/database.")
            return nil
        }
    }

    func secret(_ key: String) -> Secret? { text(key).map(Secret.init) }
}
