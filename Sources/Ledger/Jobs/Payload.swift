/// A job's payload as text: `name=value` lines. It holds ids only, which contain neither sign.
enum Payload {
    static func encode(_ payload: [String: String]) -> String {
        payload.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
    }

    static func decode(_ text: String) -> [String: String] {
        text.split(separator: "\n").reduce(into: [:]) { payload, line in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            payload[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
        }
    }
}
