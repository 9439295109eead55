//! Numbers of the tags that we read. The numbers are rpm's (`rpmtag.h`); names without their `RPMTAG_` prefix.

mod names;

/// The number of an entry in a [`crate::Header`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

macro_rules! tags {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: Tag = Tag($number);)*
    };
}

tags! {
    HEADERIMMUTABLE = 63, "Region that seals all entries of the build; packages before 4.0 have none.";
    HEADERSIGNATURES = 62, "Region that seals the entries of the signature header.";
    HEADERI18NTABLE = 100, "Languages of the texts in several languages.";
    SIG_SIZE = 1000, "Signature header: bytes of header and payload together.";
    SIG_PAYLOADSIZE = 1007, "Signature header: bytes of the uncompressed payload.";
    SIG_SHA1 = 269, "Signature header: SHA-1 of the header, hexadecimal.";
    SIG_SHA256 = 273, "Signature header: SHA-256 of the header, hexadecimal.";
    SIG_MD5 = 1004, "Signature header: MD5 of header and payload.";
    SIG_RESERVED = 999, "Signature header: as `SIG_RESERVEDSPACE`, format 6.";
    SIG_RESERVEDSPACE = 1008, "Signature header: zeros, which give way to signatures.";
    SIG_DSA = 267, "Signature header: `OpenPGP` signature over the header, DSA or `EdDSA`.";
    SIG_RSA = 268, "Signature header: `OpenPGP` signature over the header, RSA.";
    SIG_OPENPGP = 278, "Signature header: `OpenPGP` signatures over the header, in base64 (rpm 4.20 and format 6).";
    SIG_PGP = 1002, "Signature header: `OpenPGP` signature over header and payload, RSA.";
    SIG_GPG = 1005, "Signature header: `OpenPGP` signature over header and payload, DSA or `EdDSA`.";
    SIG_PGP5 = 1006, "Signature header: `OpenPGP` signature over header and payload, PGP 5 (obsolete).";
    SIG_LONGSIZE = 270, "Signature header: as `SIG_SIZE`, 64 bits.";
    LONGARCHIVESIZE = 271, "Bytes of the uncompressed payload, 64 bits.";
    NAME = 1000, "Package name.";
    VERSION = 1001, "Version.";
    RELEASE = 1002, "Release.";
    EPOCH = 1003, "Epoch.";
    SUMMARY = 1004, "One line about the package.";
    DESCRIPTION = 1005, "Long text about the package.";
    BUILDTIME = 1006, "When it was built, seconds since 1970.";
    BUILDHOST = 1007, "Where it was built.";
    SIZE = 1009, "Bytes when installed.";
    VENDOR = 1011, "Vendor.";
    LICENSE = 1014, "Licence.";
    PACKAGER = 1015, "Packager.";
    GROUP = 1016, "Group (obsolete).";
    URL = 1020, "Home page.";
    OS = 1021, "Operating system.";
    ARCH = 1022, "Architecture.";
    OLDFILENAMES = 1027, "File paths in the style before 4.0.";
    FILESIZES = 1028, "File sizes.";
    FILEMODES = 1030, "File modes, 16 bits.";
    FILERDEVS = 1033, "Device numbers of device files.";
    FILEMTIMES = 1034, "File modification times.";
    FILEDIGESTS = 1035, "File digests, hexadecimal.";
    FILELINKTOS = 1036, "Symbolic link targets.";
    FILEFLAGS = 1037, "File flags (config, doc, ghost, ...).";
    FILEUSERNAME = 1039, "File owners.";
    FILEGROUPNAME = 1040, "File groups.";
    SOURCERPM = 1044, "File name of the source package; absent in source packages.";
    FILEVERIFYFLAGS = 1045, "What of a file is verified.";
    ARCHIVESIZE = 1046, "Bytes of the uncompressed payload, 32 bits.";
    PROVIDENAME = 1047, "Names of provides.";
    REQUIREFLAGS = 1048, "Flags of requires.";
    REQUIRENAME = 1049, "Names of requires.";
    REQUIREVERSION = 1050, "Versions of requires.";
    CONFLICTFLAGS = 1053, "Flags of conflicts.";
    CONFLICTNAME = 1054, "Names of conflicts.";
    CONFLICTVERSION = 1055, "Versions of conflicts.";
    EXCLUDEARCH = 1059, "Source packages: architectures it does not build on.";
    EXCLUSIVEARCH = 1061, "Source packages: architectures it only builds on.";
    RPMVERSION = 1064, "Version of rpm whose format the package has.";
    CHANGELOGTIME = 1080, "Times of changes.";
    CHANGELOGNAME = 1081, "Authors of changes.";
    CHANGELOGTEXT = 1082, "Texts of changes.";
    BUILDARCHS = 1089, "Source packages: architectures of its results.";
    OBSOLETENAME = 1090, "Names of obsoletes.";
    FILEDEVICES = 1095, "Device numbers that files lie on (hard links).";
    FILEINODES = 1096, "Inode numbers of files (hard links).";
    FILELANGS = 1097, "Languages of files.";
    SOURCEPACKAGE = 1106, "Not 0 in source packages.";
    PROVIDEFLAGS = 1112, "Flags of provides.";
    PROVIDEVERSION = 1113, "Versions of provides.";
    OBSOLETEFLAGS = 1114, "Flags of obsoletes.";
    OBSOLETEVERSION = 1115, "Versions of obsoletes.";
    DIRINDEXES = 1116, "For every file, the index of its directory.";
    BASENAMES = 1117, "File names without directory.";
    DIRNAMES = 1118, "Directories, each with a slash at the end.";
    PAYLOADFORMAT = 1124, "`cpio`.";
    PAYLOADCOMPRESSOR = 1125, "`gzip`, `zstd`, ...";
    PAYLOADFLAGS = 1126, "Level of the payload's compression.";
    OLDSUGGESTSNAME = 1156, "Names of old-style suggests.";
    OLDSUGGESTSVERSION = 1157, "Versions of old-style suggests.";
    OLDSUGGESTSFLAGS = 1158, "Flags of old-style suggests.";
    OLDENHANCESNAME = 1159, "Names of old-style enhances.";
    OLDENHANCESVERSION = 1160, "Versions of old-style enhances.";
    OLDENHANCESFLAGS = 1161, "Flags of old-style enhances.";
    LONGFILESIZES = 5008, "File sizes, 64 bits.";
    LONGSIZE = 5009, "Bytes when installed, 64 bits.";
    FILEDIGESTALGO = 5011, "Algorithm of file digests (as `OpenPGP` numbers them; 8 is SHA-256).";
    BUGURL = 5012, "Where to report bugs.";
    RECOMMENDNAME = 5046, "Names of recommends.";
    RECOMMENDVERSION = 5047, "Versions of recommends.";
    RECOMMENDFLAGS = 5048, "Flags of recommends.";
    SUGGESTNAME = 5049, "Names of suggests.";
    SUGGESTVERSION = 5050, "Versions of suggests.";
    SUGGESTFLAGS = 5051, "Flags of suggests.";
    SUPPLEMENTNAME = 5052, "Names of supplements.";
    SUPPLEMENTVERSION = 5053, "Versions of supplements.";
    SUPPLEMENTFLAGS = 5054, "Flags of supplements.";
    ENHANCENAME = 5055, "Names of enhances.";
    ENHANCEVERSION = 5056, "Versions of enhances.";
    ENHANCEFLAGS = 5057, "Flags of enhances.";
    ENCODING = 5062, "`utf-8`, if all texts are.";
    PAYLOADDIGEST = 5092, "Digest of the compressed payload, hexadecimal.";
    PAYLOADDIGESTALGO = 5093, "Algorithm of `PAYLOADDIGEST` (as `OpenPGP` numbers them; 8 is SHA-256).";
    PAYLOADDIGESTALT = 5097, "Digest of the uncompressed payload, hexadecimal.";
    PAYLOADSIZE = 5112, "Format 6: bytes of the compressed payload.";
    PAYLOADSIZEALT = 5113, "Format 6: bytes of the uncompressed payload.";
    RPMFORMAT = 5114, "Format of the package, from 6 on.";
}
