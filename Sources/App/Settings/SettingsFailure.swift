/// Everything that is wrong with the settings, in one answer.
package struct SettingsFailure: Error, Sendable {
    package struct Fault: Sendable, Equatable {
        package let key: String
        package let value: String
        package let why: String
        package let remedy: String

        package init(_ key: String, _ value: String, why: String, remedy: String) {
            self.key = key
            self.value = value
            self.why = why
            self.remedy = remedy
        }
    }

    package let faults: [Fault]
    package init(_ faults: [Fault]) { self.faults = faults }

    package var text: String {
        let count = faults.count == 1 ? "1 setting is wrong" : "\(faults.count) settings are wrong"
        let lines = faults.map { fault in
            "  \(fault.key)\(fault.value.isEmpty ? "" : "=" + fault.value)  why: \(fault.why)  do: \(fault.remedy)"
        }
        return (["sluice: \(count), nothing was started. Read docs/errors.md#settings"] + lines).joined(separator: "\n")
    }
}
