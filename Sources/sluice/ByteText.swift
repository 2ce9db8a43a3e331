import Core

/// Bytes as people read them: `0.2 MB`, `14.2 MB`, `512 B`.
enum ByteText {
    static func of(_ count: Int64) -> String {
        guard count >= 1000 else { return "\(count) B" }
        let (unit, name): (Int64, String) =
            count < 1_000_000 ? (1000, "KB") : count < 1_000_000_000 ? (1_000_000, "MB") : (1_000_000_000, "GB")
        let tenths = count.clampedSum(unit / 20) / (unit / 10)
        return tenths >= 1000 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
    }
}
