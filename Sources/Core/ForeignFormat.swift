/// The kinds of file that hold no audio, and the one table of the extensions and types that declare them. `/v1/uploads`
/// rejects an upload that declares one of these. An extension or type that is not listed declares nothing.
package enum ForeignFormat: String, Sendable, CaseIterable {
    case program, document, archive, picture
    case webPage = "web page"

    /// Returns nil for an extension that is not listed. Words that often end a title ("Amazon.com") are not listed.
    package init?(fileExtension: String) {
        let name = fileExtension.lowercased()
        guard let kind = Self.allCases.first(where: { $0.extensions.contains(name) }) else { return nil }
        self = kind
    }

    /// Returns nil for a type that is not listed. Parameters are ignored.
    package init?(contentType: String) {
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard
            let kind = Self.allCases.first(where: { $0.types.contains(type) })
                ?? Self.allCases.first(where: { $0.families.contains(where: type.hasPrefix) })
        else { return nil }
        self = kind
    }

    package var extensions: Set<String> {
        switch self {
        case .program:
            [
                "apk", "bat", "cmd", "deb", "dll", "elf", "exe", "jar", "js", "mjs", "msi", "php", "pif", "ps1", "py",
                "rb", "rpm", "scr", "sh", "vbs", "wasm",
            ]
        case .document:
            [
                "csv", "doc", "docm", "docx", "epub", "ini", "json", "log", "md", "odp", "ods", "odt", "pdf", "ppt",
                "pptx", "rtf", "sql", "tex", "txt", "xls", "xlsm", "xlsx", "xml", "yaml", "yml",
            ]
        case .archive:
            ["7z", "bz2", "cab", "dmg", "gz", "iso", "lz4", "rar", "tar", "tgz", "txz", "xz", "zip", "zst"]
        case .picture:
            [
                "avif", "bmp", "cr2", "eps", "gif", "heic", "heif", "ico", "jpeg", "jpg", "jxl", "png", "psd",
                "svg", "tif", "tiff", "webp",
            ]
        case .webPage:
            ["asp", "aspx", "css", "htm", "html", "jsp", "mht", "mhtml", "shtml", "xhtml"]
        }
    }

    package var types: Set<String> {
        switch self {
        case .program:
            [
                "application/java-archive", "application/javascript", "application/vnd.android.package-archive",
                "application/vnd.debian.binary-package", "application/vnd.microsoft.portable-executable",
                "application/wasm", "application/x-dosexec", "application/x-elf", "application/x-executable",
                "application/x-httpd-php", "application/x-javascript", "application/x-mach-binary",
                "application/x-msdos-program", "application/x-msdownload", "application/x-msi", "application/x-php",
                "application/x-pie-executable", "application/x-rpm", "application/x-sh", "application/x-sharedlib",
                "text/javascript", "text/x-python", "text/x-shellscript",
            ]
        case .document:
            [
                "application/epub+zip", "application/json", "application/msword", "application/pdf",
                "application/postscript", "application/rtf", "application/x-pdf", "application/xml",
            ]
        case .archive:
            [
                "application/gzip", "application/vnd.ms-cab-compressed", "application/vnd.rar",
                "application/x-7z-compressed", "application/x-apple-diskimage", "application/x-bzip",
                "application/x-bzip2", "application/x-gzip", "application/x-iso9660-image",
                "application/x-rar-compressed", "application/x-tar", "application/x-xz",
                "application/x-zip-compressed", "application/zip", "application/zstd",
            ]
        case .picture: ["application/x-photoshop"]
        case .webPage: ["application/xhtml+xml", "multipart/related", "text/css", "text/html"]
        }
    }

    /// The beginnings of types that belong to this kind. `types` is searched first, so `text/html` is a web page.
    package var families: [String] {
        switch self {
        case .document:
            [
                "text/", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/vnd.ms-word",
                "application/vnd.oasis.opendocument.", "application/vnd.openxmlformats-officedocument.",
            ]
        case .picture: ["image/"]
        case .program, .archive, .webPage: []
        }
    }
}
