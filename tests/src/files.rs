//! A folder served by HTTP: a repository that is no Copr's.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::Result;

/// Serves a folder until it is dropped.
pub struct Files {
    port: u16,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Serves `folder` on a free loopback port.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn serve(folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let stopping = Arc::new(AtomicBool::new(false));
        let (folder, stop) = (folder.to_owned(), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let folder = folder.clone();
                // Who opens a connection and says nothing must not hold up the others.
                std::thread::spawn(move || connection.map(|connection| answer(connection, &folder)));
            }
        });
        Ok(Self { port, stopping, thread: Some(thread) })
    }

    /// `http://localhost:PORT`: another host name than that of the servers here.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for a connection.
        if TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// One request a connection: the file, or 404.
fn answer(mut connection: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?.take(64 << 10));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let content = if inside { fs_err::read(PathBuf::from(folder).join(path)).ok() } else { None };
    let (status, body) = content.map_or(("404 Not Found", Vec::new()), |content| ("200 OK", content));
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    if !request.starts_with("HEAD ") {
        connection.write_all(&body)?;
    }
    Ok(())
}
