//! Makes the pictures of text mode that stand in `docs/pictures`: `cargo run -p tests --example pictures`. The one of a framebuffer,
//! `framebuffer.png`, shows the same as `colours.png` on a machine that UEFI firmware has booted.

use anyhow::Result;
use tests::screen::Session;

/// A script for vi to show.
const EDITED: &str = r#"cat > /tmp/count.sh << 'end'
#!/bin/sh
# Counts the files of each folder.
for folder in */; do
    echo "$folder: $(ls "$folder" | wc -l)"
done
end
vi /tmp/count.sh"#;

/// A picture's name, the script that draws it, and a text that is there when it is complete.
const PICTURES: [(&str, &str, &str); 3] = [
    ("vi", EDITED, "count.sh 1/5"),
    ("top", "sleep 100 & yes > /dev/null & top", "yes"),
    ("colours", include_str!("colours.sh"), "256 colours"),
];

fn main() -> Result<()> {
    let folder = pollux::paths::workspace().join("docs/pictures");
    for (name, script, text) in PICTURES {
        let mut session = Session::start(&["sh", "-c", &format!("{script}\nexec sleep 1000")])?;
        session.wait_for_text(text)?;
        // The last row is drawn last: by then all others were there for a while.
        std::thread::sleep(std::time::Duration::from_secs(2));
        session.monitor.save_png(&folder.join(format!("{name}.png")))?;
    }
    Ok(())
}
