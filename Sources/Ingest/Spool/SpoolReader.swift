package import Core
package import Platform

/// Reads what lies in a spool's folder, beside a server that may write there: it changes nothing.
package struct SpoolReader: Sendable {
    /// The files of one upload.
    package struct Entry: Sendable, Equatable {
        package let upload: UploadID
        package fileprivate(set) var size: Int64
    }

    package struct Contents: Sendable {
        /// In the order of their ids.
        package var uploads: [Entry] = []
        /// Names below the folder that no spool gives.
        package var foreign: [(name: String, size: Int64)] = []
    }

    /// A journal holds what a few hundred requests did; a longer file is none.
    private static let longestJournal = 256 << 20

    private let folder: String

    package init(folder: String) { self.folder = folder }

    package func contents() throws(Errno) -> Contents {
        var contents = Contents()
        guard Files.exists(folder) else { return contents }
        var sizes: [UploadID: Int64] = [:]
        for part in try Files.list(folder) {
            guard Files.isFolder("\(folder)/\(part)") else {
                contents.foreign.append((part, try Files.size("\(folder)/\(part)") ?? 0))
                continue
            }
            for file in try Files.list("\(folder)/\(part)") {
                let size = try Files.size("\(folder)/\(part)/\(file)") ?? 0
                if let upload = Self.upload(of: "\(part)/\(file)") {
                    sizes[upload, default: 0] += size
                } else {
                    contents.foreign.append(("\(part)/\(file)", size))
                }
            }
        }
        contents.uploads = sizes.map { Entry(upload: $0.key, size: $0.value) }.sorted { $0.upload < $1.upload }
        return contents
    }

    /// Returns nil where the name is none that a spool gives.
    private static func upload(of path: String) -> UploadID? {
        guard let file = path.split(separator: "/").last, let upload = UploadID(file.prefix { $0 != "." }) else {
            return nil
        }
        let name = SpoolName(upload)
        let part = name.part(0).dropLast()
        let isPart = path.hasPrefix(part) && Int(path.dropFirst(part.count)) != nil
        return path == name.data || path == name.journal || isPart ? upload : nil
    }

    package func has(_ upload: UploadID) -> Bool {
        let name = SpoolName(upload)
        return [name.journal, name.data, name.part(0)].contains { Files.exists("\(folder)/\($0)") }
    }

    /// Whether every byte that the journal counts is there: of a complete upload all of them.
    package func isWhole(_ upload: UploadID, isComplete: Bool) throws(Errno) -> Bool {
        let name = SpoolName(upload)
        // A joined upload has its parts until it has their bytes.
        if Files.exists("\(folder)/\(name.part(0))") { return true }
        guard Files.exists("\(folder)/\(name.journal)") else { return !isComplete }
        let bytes = try Files.readWhole("\(folder)/\(name.journal)", limit: Self.longestJournal)
        guard let journal = Journal(bytes) else { return !isComplete && bytes.isEmpty }
        if isComplete, journal.sealed == nil { return false }
        let end = journal.sealed?.length ?? journal.received.ranges.last?.upperBound ?? 0
        if end == 0 || journal.isAllInline { return true }
        return try Files.size("\(folder)/\(name.data)") ?? 0 >= end
    }
}
