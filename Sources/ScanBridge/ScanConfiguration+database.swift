import Platform

extension ScanConfiguration {
    /// Where `freshclam` of the usual packages puts its files.
    package static let usualDatabases = ["/var/lib/clamav", "/usr/local/share/clamav", "/usr/share/clamav"]

    /// The first folder that has a database in it; nil if there is none, and then only the test signature is left.
    package static func findDatabase(in folders: [String] = usualDatabases) -> String? {
        folders.first { folder in
            // A folder that is not there or not ours to read has no database for us.
            let names = (try? Files.list(folder)) ?? []
            return names.contains { name in
                [".cvd", ".cld", ".cud", ".ndb", ".ldb", ".hsb", ".hdb"].contains { name.hasSuffix($0) }
            }
        }
    }
}
