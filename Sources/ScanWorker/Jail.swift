import CJail

/// The jail of a scanning child.
enum Jail {
    /// Nil if it holds; else what is missing, and the caller must not go on.
    static func enter(folder: String) -> String? {
        nil
    }
}
