//! The kernel modules that a machine needs, ordered by what they say of their dependencies.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{machine::MachineError, unpack::unpack};

/// What every machine needs; missing ones must be built into the kernel.
const NEEDED: [&str; 4] = ["virtio_pci", "virtio_blk", "virtio_console", "ext4"];
/// What is loaded when it is there: entropy, the checksum that ext4 asks the crypto layer for, and the network card.
const WELCOME: [&str; 4] = ["crc32c_generic", "libcrc32c", "virtio_rng", "virtio_net"];
/// Deepest folder, and most modules.
const DEEPEST: u32 = 12;
const MOST: usize = 20_000;

/// One module, unpacked.
pub(crate) struct Module {
    /// `NAME.ko`, with underscores.
    pub(crate) file_name: String,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// The modules to load, each behind those that it needs.
///
/// # Errors
/// [`MachineError::Kernel`] when one is neither there nor built in.
pub(crate) fn load_order(folder: &Path) -> Result<Vec<Module>, MachineError> {
    let mut index = BTreeMap::new();
    for sub in ["kernel", "updates"] {
        collect(&folder.join(sub), 0, &mut index);
    }
    let builtin = fs_err::read_to_string(folder.join("modules.builtin")).unwrap_or_default();
    let builtin: Vec<_> = builtin.lines().filter_map(|line| module_name(Path::new(line))).collect();
    let mut order = Vec::new();
    for name in WELCOME {
        if index.contains_key(name) {
            add(name, &index, &builtin, &mut order, 0)?;
        }
    }
    for name in NEEDED {
        add(name, &index, &builtin, &mut order, 0)?;
    }
    Ok(order)
}

fn add(
    name: &str,
    index: &BTreeMap<String, PathBuf>,
    builtin: &[String],
    order: &mut Vec<Module>,
    depth: u32,
) -> Result<(), MachineError> {
    let file_name = format!("{name}.ko");
    if order.iter().any(|module| module.file_name == file_name) || builtin.iter().any(|known| known == name) {
        return Ok(());
    }
    let Some(path) = index.get(name).filter(|_| depth < DEEPEST) else {
        return Err(MachineError::Kernel(format!(
            "its module {name} is missing, and not built in: take another kernel"
        )));
    };
    let packed = fs_err::read(path).map_err(|error| MachineError::Kernel(error.to_string()))?;
    let bytes =
        unpack(&packed).map_err(|error| MachineError::Kernel(format!("the module {}: {error}", path.display())))?;
    for dependency in depends(&bytes) {
        add(&dependency, index, builtin, order, depth + 1)?;
    }
    order.push(Module { file_name, bytes });
    Ok(())
}

/// Every module below `folder` by its name.
fn collect(folder: &Path, depth: u32, index: &mut BTreeMap<String, PathBuf>) {
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => collect(&path, depth + 1, index),
            Ok(kind) if kind.is_file() && index.len() < MOST => {
                if let Some(name) = module_name(&path) {
                    index.insert(name, path);
                }
            }
            _ => {}
        }
    }
}

/// `virtio_rng` of `.../virtio-rng.ko.xz`.
fn module_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"].iter().find_map(|end| name.strip_suffix(end))?;
    Some(stem.replace('-', "_"))
}

/// What a module's `.modinfo` section says behind `depends=`.
fn depends(module: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(at) = module.windows(key.len()).position(|window| window == key) else { return Vec::new() };
    let value = module.get(at + key.len()..).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(modules: &[(&str, &str)], builtin: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(dir.path().join("kernel/drivers")).unwrap();
        for (name, depends) in modules {
            let bytes = format!("\x7fELF\0license=GPL\0depends={depends}\0name=x\0");
            let bytes =
                if name.ends_with(".zst") { zstd::encode_all(bytes.as_bytes(), 1).unwrap() } else { bytes.into() };
            fs_err::write(dir.path().join("kernel/drivers").join(name), bytes).unwrap();
        }
        fs_err::write(dir.path().join("modules.builtin"), builtin).unwrap();
        dir
    }

    #[test]
    fn a_module_stands_behind_what_it_needs_and_built_in_ones_are_left_out() {
        let dir = folder(
            &[
                ("virtio_pci.ko.zst", "virtio-ring"),
                ("virtio-ring.ko", ""),
                ("virtio_blk.ko", "virtio_ring"),
                ("virtio-rng.ko", ""),
            ],
            "kernel/drivers/char/virtio_console.ko\nkernel/fs/ext4/ext4.ko\n",
        );
        let names: Vec<_> = load_order(dir.path()).unwrap().into_iter().map(|module| module.file_name).collect();
        assert_eq!(names, ["virtio_rng.ko", "virtio_ring.ko", "virtio_pci.ko", "virtio_blk.ko"]);
    }

    #[test]
    fn a_missing_module_is_named() {
        let dir = folder(&[("virtio_pci.ko", "nowhere")], "");
        let Err(error) = load_order(dir.path()) else { panic!("it was accepted") };
        assert!(error.to_string().contains("nowhere"), "{error}");
    }

    #[test]
    fn modules_that_need_each_other_are_an_error_not_a_loop() {
        let dir = folder(&[("virtio_pci.ko", "a"), ("a.ko", "virtio_pci")], "");
        assert!(load_order(dir.path()).is_err());
    }
}
