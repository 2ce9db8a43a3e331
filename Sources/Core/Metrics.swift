internal import Synchronization

/// Counters, gauges and histograms, rendered as OpenMetrics. Names and labels come from our code alone, so the series are
/// bounded whatever requests come in. A family has at most `limit` series: values of a further one are dropped and counted.
package final class Metrics: Sendable {
    private enum Kind: String { case counter, gauge, histogram }

    private struct Family {
        let kind: Kind
        let help: String
        var values: [String: Double] = [:]
        /// Of a histogram, by labels: how many observations were at most each bound, their sum and count.
        var spreads: [String: Spread] = [:]
        /// Values of series past the limit.
        var dropped = 0

        /// Whether the series may be written: it is known, or there is room for one more.
        mutating func admits(_ key: String) -> Bool {
            if values[key] != nil || spreads[key] != nil { return true }
            if values.count + spreads.count < Metrics.limit { return true }
            dropped += 1
            return false
        }
    }

    private struct Spread {
        var buckets = [Int](repeating: 0, count: Metrics.bounds.count)
        var sum = 0.0
        var count = 0

        mutating func note(_ value: Double) {
            for (index, bound) in Metrics.bounds.enumerated() where value <= bound { buckets[index] += 1 }
            sum += value
            count += 1
        }
    }

    private static let bounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300]
    private static let limit = 4096
    private let families = Mutex<[String: Family]>([:])

    package init() {}

    package func add(_ name: String, _ amount: Double = 1, help: String, labels: [(String, String)] = []) {
        change(name, .counter, help) { family in
            let key = Self.key(labels)
            guard family.admits(key) else { return }
            family.values[key, default: 0] += amount
        }
    }

    package func set(_ name: String, _ value: Double, help: String, labels: [(String, String)] = []) {
        change(name, .gauge, help) { family in
            let key = Self.key(labels)
            guard family.admits(key) else { return }
            family.values[key] = value
        }
    }

    package func observe(_ name: String, _ value: Double, help: String, labels: [(String, String)] = []) {
        change(name, .histogram, help) { family in
            let key = Self.key(labels)
            guard family.admits(key) else { return }
            family.spreads[key, default: Spread()].note(value)
        }
    }

    package var text: String {
        let families = families.withLock { $0 }
        var out = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            // OpenMetrics: the family of a counter is named without `_total`.
            let base = family.kind == .counter && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
            out += "# TYPE \(base) \(family.kind.rawValue)\n# HELP \(base) \(family.help)\n"
            for (labels, value) in family.values.sorted(by: { $0.key < $1.key }) {
                out += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
            }
            for (labels, spread) in family.spreads.sorted(by: { $0.key < $1.key }) {
                let comma = labels.isEmpty ? "" : labels + ","
                for (bound, count) in zip(Self.bounds, spread.buckets) {
                    out += "\(name)_bucket{\(comma)le=\"\(bound)\"} \(count)\n"
                }
                out += "\(name)_bucket{\(comma)le=\"+Inf\"} \(spread.count)\n"
                let braces = labels.isEmpty ? "" : "{\(labels)}"
                out += "\(name)_sum\(braces) \(spread.sum)\n\(name)_count\(braces) \(spread.count)\n"
            }
        }
        return out + Self.dropped(families) + "# EOF\n"
    }

    /// Only where there are any: a family in it needs an operator's look.
    private static func dropped(_ families: [String: Family]) -> String {
        let full = families.filter { $0.value.dropped > 0 }.sorted { $0.key < $1.key }
        guard !full.isEmpty else { return "" }
        let name = "sluice_metrics_dropped"
        let head =
            "# TYPE \(name) counter\n# HELP \(name) Values not counted, because their family has \(limit) series.\n"
        return head + full.map { "\(name)_total{family=\"\($0.key)\"} \($0.value.dropped)\n" }.joined()
    }

    private func change(_ name: String, _ kind: Kind, _ help: String, _ body: (inout Family) -> Void) {
        // In place: a family taken out and put back would be copied, series and all.
        families.withLock { body(&$0[name, default: Family(kind: kind, help: help)]) }
    }

    private static func key(_ labels: [(String, String)]) -> String {
        var key: [UInt8] = []
        for (name, value) in labels {
            if !key.isEmpty { key.append(UInt8(ascii: ",")) }
            key += name.utf8
            key += "=\"".utf8
            for byte in value.utf8 { key.append(isPlain(byte) ? byte : UInt8(ascii: "_")) }
            key.append(UInt8(ascii: "\""))
        }
        return String(decoding: key, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
