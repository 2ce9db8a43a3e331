import Core
import Platform

/// What is to be sent: every file that was named, and of every folder the audio in it and below it, by its name's ending.
struct UploadFiles {
    private(set) var paths: [String] = []
    /// Files in folders whose names do not end as audio does.
    private(set) var passedOver = 0
    private var seen: Set<String> = []

    init(_ names: [String]) throws {
        for name in names {
            let trimmed = name.count > 1 && name.hasSuffix("/") ? String(name.dropLast()) : name
            guard Files.isFolder(trimmed) else {
                add(trimmed)
                continue
            }
            let before = paths.count
            try search(trimmed, depth: 0)
            guard paths.count > before else {
                throw Complaint(
                    "cannot send \(name)", why: "there is no audio in this folder",
                    remedy: "name the files themselves", code: "INVALID_REQUEST")
            }
        }
    }

    private mutating func search(_ folder: String, depth: Int) throws {
        let names: [String]
        do { names = try Files.list(folder) } catch {
            throw Complaint("cannot send \(folder)", why: "\(error)", remedy: "check the path", code: "INVALID_REQUEST")
        }
        for name in names where !name.hasPrefix(".") {
            let path = folder + "/" + name
            if Files.isFolder(path) {
                // A link to a folder above makes a path without end.
                if depth < 32, !Self.leadsUp(path, from: folder) { try search(path, depth: depth + 1) }
            } else if let dot = name.lastIndex(of: "."),
                AudioFormat(fileExtension: String(name[name.index(after: dot)...])) != nil
            {
                add(path)
            } else {
                passedOver += 1
            }
        }
    }

    private static func leadsUp(_ path: String, from folder: String) -> Bool {
        // What cannot be resolved is not searched either.
        guard let to = try? Files.realPath(path), let here = try? Files.realPath(folder) else { return true }
        return (here + "/").hasPrefix(to + "/")
    }

    /// Named twice is sent once.
    private mutating func add(_ path: String) {
        if seen.insert((try? Files.realPath(path)) ?? path).inserted { paths.append(path) }
    }
}
