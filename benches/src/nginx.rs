//! A real web server for benchmarks that fetch.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::empty_folder;

/// A web server on a free port.
pub struct Nginx {
    child: Child,
    /// On 127.0.0.1.
    pub port: u16,
}

impl Nginx {
    /// Serves the files below `root`, until it is dropped; `scratch` is for its own.
    ///
    /// # Errors
    /// nginx is not installed, or does not start.
    pub fn serve(root: &Path, scratch: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder: PathBuf = scratch.join("nginx");
        empty_folder(&folder)?;
        let place = folder.display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {place}/{name};"))
            .collect();
        let user = if fs_err::read_to_string("/proc/self/status")?.contains("\nUid:\t0\t") { "user root;" } else { "" };
        let text = format!(
            "{user} daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n\
             events {{ worker_connections 128; }}\n\
             http {{ access_log off; sendfile on; keepalive_requests 100000; {temp}\n\
             server {{ listen 127.0.0.1:{port}; root {}; }} }}\n",
            root.display()
        );
        let file = folder.join("nginx.conf");
        fs_err::write(&file, text)?;
        let child = Command::new("nginx")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&file)
            .args(["-e", "stderr"])
            .spawn()
            .context("nginx is needed: tests/deps test installs it")?;
        let nginx = Self { child, port };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(nginx);
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("nginx does not start")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
