/// The rows by which libclamav tells types apart, in its `.ftm` form: `kind:offset:magic:name:from:to[:level[:level]]`.
///
/// Rows loaded later win. So these come in two parts: `base` before the database (libclamav leaves its own table out as soon
/// as any other is loaded, and a database need not bring one), `unread` after it.
enum FileTypes {
    /// What libclamav's table maps to "ignored": such files are never read, whatever is in them. Audio is among them.
    static let ignoredMagics: [(name: String, magic: String)] = [
        ("RealMedia", "2e524d46"),
        ("MP3 with ID3", "494433"),
        ("MP3 128k 44.1k", "fffb90"),
        ("Ogg", "4f676753"),
        ("SIP log", "5349502d48495420285349502f48"),
        ("SYM datfile", "53594d430100"),
        ("SQLite WAL", "377f0682002de218"),
        ("SQLite WAL", "377f0683002de218"),
        ("SQLite", "53514c69746520666f726d6174203300"),
        ("SQLite journal", "d9d505f920a163d7"),
    ]

    /// The same magics as plain binary data, which is searched for every signature. The eleventh ignored row, a bitmap inside
    /// PDF, is matched in a way that no later row overrides: a layer typed so makes the file unscannable instead.
    static let unread: String = ignoredMagics.map { row("0", 0, $0.magic, $0.name, "BINARY_DATA") }.joined()

    static let base: String =
        direct.map { row("0", $0.offset, $0.magic, $0.type, $0.type, from: $0.level) }.joined()
        + searched.map { "1:\($0.offset):\($0.magic):\($0.type):CL_TYPE_ANY:CL_TYPE_\($0.type)\n" }.joined()
        + "4:1024:482B0004:HFS+:CL_TYPE_PART_ANY:CL_TYPE_PART_HFSPLUS:75\n"
        + "4:1024:48580005:HFSX:CL_TYPE_PART_ANY:CL_TYPE_PART_HFSPLUS:75\n"

    private static func row(
        _ kind: String, _ offset: Int, _ magic: String, _ name: String, _ type: String, from level: Int? = nil
    ) -> String {
        "\(kind):\(offset):\(magic):\(name):CL_TYPE_ANY:CL_TYPE_\(type)\(level.map { ":\($0)" } ?? "")\n"
    }

    /// Magics at a fixed offset; `level` is the functionality level from which the engine knows the type.
    private static let direct: [(offset: Int, magic: String, type: String, level: Int?)] = [
        // Archives and compressed streams
        (0, "1f8b", "GZ", nil), (0, "425a68", "BZ", nil), (0, "fd377a585a00", "XZ", 76),
        (0, "504b0304", "ZIP", nil), (0, "504b3030504b0304", "ZIP", nil), (0, "52617221", "RAR", nil),
        (0, "377abcaf271c", "7Z", 47), (0, "60ea", "ARJ", nil), (0, "4d53434600000000", "MSCAB", nil),
        (0, "535a4444", "MSSZDD", nil), (0, "49545346", "MSCHM", nil), (257, "7573746172", "POSIX_TAR", nil),
        (0, "5b616c69617365735d", "POSIX_TAR", nil), (0, "303730373031", "CPIO_NEWC", 45),
        (0, "303730373032", "CPIO_CRC", 45), (0, "303730373037", "CPIO_ODC", 45), (0, "71c7", "CPIO_OLD", 45),
        (0, "c771", "CPIO_OLD", 45), (0, "78617221", "XAR", 75), (0, "45474741", "EGG", 115),
        (0, "414c5a01", "ALZ", 210),
        (512, "4546492050415254", "GPT", 77),
        // Programs
        (0, "4d5a", "MSEXE", nil), (0, "7f454c46", "ELF", nil), (0, "cefaedfe", "MACHO", 45),
        (0, "cffaedfe", "MACHO", 45), (0, "feedface", "MACHO", 45), (0, "feedfacf", "MACHO", 45),
        (0, "b6b9acaefeffffff", "CRYPTFF", nil), (0, "4c0000000114020000000000c000000000000046", "LNK", 100),
        // Documents
        (0, "255044462d", "PDF", 55), (0, "d0cf11e0a1b11ae1", "MSOLE2", nil), (0, "7b5c7274", "RTF", 30),
        (4, "d0cf11e0a1b11ae1", "HWPOLE2", 82),
        (0, "48575020446f63756d656e742046696c652056332e3030201a0102030405", "HWP3", 82),
        (0, "e4525c7b8cd8a74daeb15378d02996d3", "ONENOTE", 200), (0, "252150532d41646f62652d", "PS", 90),
        (0, "465753", "SWF", 71), (0, "435753", "SWF", 71), (0, "5a5753", "SWF", 81), (0, "23407e5e", "SCRENC", nil),
        // Pictures and media
        (0, "89504e47", "PNG", 122), (0, "474946", "GIF", 122), (0, "ffd8ff", "JPEG", 122),
        (0, "49492a00", "TIFF", 122),
        (0, "4d4d", "TIFF", 122), (0, "424d", "GRAPHICS", nil), (0, "0000000c6a5020200d0a870a", "GRAPHICS", nil),
        (0, "52494646", "RIFF", nil), (0, "52494658", "RIFF", nil), (0, "000001b3", "BINARY_DATA", nil),
        (0, "000001ba", "BINARY_DATA", nil),
        // Mail
        (0, "789f3e22", "TNEF", nil), (0, "626567696e20", "UUENCODED", nil), (0, "46726f6d20", "MAIL", nil),
        (0, "46726f6d3a20", "MAIL", nil), (0, "52656365697665643a20", "MAIL", nil),
        (0, "52657475726e2d506174683a20", "MAIL", nil),
        (0, "52657475726e2d706174683a20", "MAIL", nil), (0, "5375626a6563743a20", "MAIL", nil),
        (0, "546f3a20", "MAIL", nil),
        (0, "446174653a20", "MAIL", nil), (0, "4d6573736167652d49443a20", "MAIL", nil),
        (0, "4d6573736167652d49643a20", "MAIL", nil), (0, "44656c6976657265642d546f3a20", "MAIL", nil),
    ]

    /// Magics looked for through the whole file, or in a range of offsets.
    private static let searched: [(offset: String, magic: String, type: String)] = [
        ("*", "504b0304", "ZIPSFX"), ("*", "526172211a0700", "RARSFX"), ("*", "377abcaf271c", "7ZSFX"),
        ("*", "4d53434600000000", "CABSFX"), ("*", "60ea{7}0002", "ARJSFX"), ("*", "60ea{7}0102", "ARJSFX"),
        ("*", "60ea{7}0202", "ARJSFX"), ("*", "efbeadde4e756c6c736f6674496e7374", "NULSFT"),
        ("*", "a3484bbe986c4aa9994c530a86d6487d41553321454130(35|36)", "AUTOIT"),
        ("*", "4d5a{60-300}50450000", "MSEXE"),
        ("*", "496e7374616c6c536869656c6400{292}0600000000000000????????????????0000000001", "ISHIELD_MSI"),
        ("*", "255044462d??2e", "PDF"), ("*", "3c48544d4c3e", "HTML"), ("*", "3c68746d6c3e", "HTML"),
        ("*", "3c484541443e", "HTML"), ("*", "3c686561643e", "HTML"), ("*", "3c534352495054", "HTML"),
        ("*", "3c736372697074", "HTML"), ("*", "3c494652414d45", "HTML"), ("*", "3c696672616d65", "HTML"),
        ("*", "014344303031{2043-2443}4344303031", "ISO9660"), ("0,32768", "004245413031", "UDF"),
        ("EOF-512", "6b6f6c79", "DMG"), ("510", "55aa", "MBR"), ("0", "4552{510}504d0000", "APM"),
        ("8,12", "19040010", "SIS"),
        ("0", "cafebabe0000000?", "MACHO_UNIBIN"), ("0", "cafebabe0000001?", "MACHO_UNIBIN"),
        ("0", "cafebabe0000002?", "JAVA"), ("0", "cafebabe0000003?", "JAVA"),
        ("2", "2d6c68(30|31|32|33|34|35|36|37|64|78)2d", "LHA_LZH"), ("2", "2d6c7a(73|34|35)2d", "LHA_LZH"),
        ("0", "3c3f786d6c2076657273696f6e3d22312e3022{0-1024}3c576f726b626f6f6b", "XML_XL"),
        ("0", "3c3f786d6c2076657273696f6e3d22312e3022{0-1024}3c776f7264446f63756d656e74", "XML_WORD"),
        ("0,1024", "0a(46|66)726f6d3a20{-2048}0a(43|63)6f6e74656e742d(54|74)7970653a20", "MAIL"),
        (
            "0,1024",
            "0a(4d|6d)(49|69)(4d|6d)(45|65)2d(56|76)657273696f6e3a20{-2048}0a(43|63)6f6e74656e742d(54|74)7970653a20",
            "MAIL"
        ),
    ]
}
