/// The flags and names of one command line, each flag known or refused by name.
struct Flags {
    private var values: [String: String] = [:]
    private var present: Set<String> = []
    private(set) var names: [String] = []

    /// `valued` take a value, `plain` none; one in both may be said either way.
    init(_ arguments: [String], valued: Set<String> = [], plain: Set<String> = []) throws {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                names += rest
                return
            }
            guard argument.hasPrefix("-"), argument != "-" else {
                names.append(argument)
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2, valued.contains(parts[0]) {
                values[parts[0]] = parts[1]
            } else if plain.contains(argument) {
                present.insert(argument)
            } else if valued.contains(argument), let value = rest.popFirst() {
                values[argument] = value
            } else if valued.contains(parts[0]) {
                throw Complaint.usage("\(parts[0]) lacks its value", "\(parts[0]) VALUE")
            } else {
                let nearest = Nearest.of(parts[0], among: Array(valued.union(plain)))
                throw Complaint.usage("there is no flag \(parts[0])", "did you mean \(nearest)?")
            }
        }
    }

    func value(_ flag: String) -> String? { values[flag] }
    func has(_ flag: String) -> Bool { present.contains(flag) }
}
