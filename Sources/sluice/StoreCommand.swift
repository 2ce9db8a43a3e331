import App
import Core
import Storage

/// `store`: what lies in a bucket or in this machine's store, for people.
enum StoreCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(
            arguments, valued: ["--concurrency", "--data", "--limit"], plain: ["--json", "--quiet"])
        let settings = try Home.settings(data: flags.value("--data"))
        let opening = StoreOpening(settings)
        let names = Array(flags.names.dropFirst())
        switch flags.names.first {
        case "ls" where names.count <= 1: return try await list(names.first, flags, opening)
        case "cat" where names.count == 1: return try await cat(names[0], opening)
        case "cp" where names.count == 2:
            return try await StoreCopy(opening, flags).run(from: names[0], to: names[1])
        default:
            throw Complaint.usage("store does not know what to do", "sluice store ls [NAME], cat NAME or cp FROM TO")
        }
    }

    static func complaint(_ what: String, _ failure: BlobFailure) -> Complaint {
        let remedy =
            failure.kind == .absent
            ? "sluice store ls shows what there is"
            : failure.cause == nil ? "sluice doctor" : StoreOpening.todo(failure)
        return Complaint(
            what, why: failure.message, remedy: remedy, code: failure.kind == .absent ? "NOT_FOUND" : "INTERNAL")
    }

    static func name(_ text: String) throws -> StoreName {
        guard let name = StoreName(text) else {
            throw Complaint.usage("\(text) names nothing in a store", "s3://bucket/key or file:key; a folder ends in /")
        }
        return name
    }

    // MARK: ls

    private static func list(_ text: String?, _ flags: Flags, _ opening: StoreOpening) async throws -> Int32 {
        let limit = try flags.value("--limit").map { try whole($0, "--limit", upTo: 1 << 40) } ?? .max
        let name =
            try text.map(name) ?? opening.name.map { StoreName($0.place, $0.path, isFolder: true) }
            ?? StoreName(.file, "", isFolder: true)
        let opened = try opening.open(name.place)
        let prefix = name.path + (name.isFolder && !name.path.isEmpty ? "/" : "")
        do {
            var (after, left, count, size) = (BlobKey?.none, limit, 0, Int64(0))
            while left > 0 {
                let wanted = min(left, 1000)
                let page = try await opened.store.list(prefix: prefix, after: after, limit: wanted)
                Terminal.out(page.map { line($0, name.place, isJSON: flags.has("--json")) }.joined())
                (count, left, after) = (count + page.count, left - page.count, page.last?.key)
                size = page.reduce(size) { $0.clampedSum($1.size) }
                if page.count < wanted { break }
            }
            if !flags.has("--json"), !flags.has("--quiet") {
                Terminal.error("\(count) files, \(ByteText.of(size))\n")
            }
        } catch {
            await opened.shutDown()
            throw complaint("cannot list \(name)", error)
        }
        await opened.shutDown()
        return 0
    }

    private static func line(_ entry: BlobEntry, _ place: StoreName.Place, isJSON: Bool) -> String {
        let name = StoreName(place, entry.key.path, isFolder: false).description
        if isJSON {
            let item: JSON = ["name": .string(name), "size": .integer(entry.size)]
            return item.text + "\n"
        }
        let size = String(entry.size)
        return String(repeating: " ", count: max(0, 12 - size.count)) + size + "  " + name + "\n"
    }

    // MARK: cat

    private static func cat(_ text: String, _ opening: StoreOpening) async throws -> Int32 {
        let name = try name(text)
        guard !name.isFolder, let key = BlobKey(name.path) else {
            throw Complaint.usage("\(name) is a folder", "name one object; sluice store ls \(name)")
        }
        let opened = try opening.open(name.place)
        do {
            let reader = try await opened.store.read(key, range: nil)
            while case let bytes = try await reader.next(), !bytes.isEmpty {
                guard Terminal.out(bytes) else { break }
            }
        } catch {
            await opened.shutDown()
            throw complaint("cannot read \(name)", error)
        }
        await opened.shutDown()
        return 0
    }

    static func whole(_ text: String, _ flag: String, upTo most: Int) throws -> Int {
        guard let number = Int(text), (1...most).contains(number) else {
            throw Complaint.usage("\(flag) is \(text)", "a whole number from 1")
        }
        return number
    }
}
