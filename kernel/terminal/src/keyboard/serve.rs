//! The task behind the keyboard: brings controller and device up, and carries what is typed to its terminal.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use drivers::i8042::Controller;
use drivers::keyboard::{Action, Command, Decoder, Device, Event, Failure, KeyEvent, Layout, Leds, Reply, ScancodeSet, Translator};
use executor::timer::{now, sleep, timeout};

use super::{Config, DAMAGED, KeySink, MILLISECOND, Port, sysrq};

/// How long behind a deadline an answer counts that was there before.
const GRACE: u64 = 1000 * MILLISECOND;
/// The log hears of losses this often at most.
const REPORT_EVERY: u64 = 1000 * MILLISECOND;

/// Serves the keyboard, for ever; ends at once on a machine without a controller.
pub(super) async fn serve(port: &'static Port, config: Config) {
    let Config { ports, layout, translate, sink, ctrl_alt_del } = config;
    let (controller, health) = match Controller::set_up(ports, translate, &|| sleep(MILLISECOND)).await {
        Ok(found) => found,
        Err(fault) => {
            log::info!("keyboard: none: {fault}");
            return;
        }
    };
    if !health.is_good() {
        log::warn!("keyboard: the controller's tests answer {:#04x} and {:#04x}; going on", health.controller, health.port);
    }
    *port.controller.lock() = Some(controller);
    // A byte that came before the handler could see the controller raised the line for nobody, and it does not rise again.
    port.collect();
    let mut keyboard = Keyboard::new(port, layout, translate, sink, ctrl_alt_del);
    keyboard.start();
    loop {
        keyboard.send_commands().await;
        if let Some(word) = keyboard.next_word().await {
            keyboard.take(word);
        }
        keyboard.report_losses();
        // Each byte is a turn of its own, so that a device gone wild costs others no more than any task does.
        executor::yield_now().await;
    }
}

struct Keyboard {
    port: &'static Port,
    device: Device,
    decoder: Decoder,
    translator: Translator,
    layout: Layout,
    sink: Arc<dyn KeySink>,
    ctrl_alt_del: fn(),
    /// The lights as the device was told last.
    leds: Leds,
    identity: (Option<u8>, Option<u8>),
    /// Bytes that the ring had lost when this task looked last.
    lost: u64,
    /// Bytes for which the terminal had no room.
    unheard: u64,
    /// Lost and unheard bytes that the log knows of, and when it was told.
    reported: (u64, u64),
    reported_at: u64,
}

impl Keyboard {
    fn new(port: &'static Port, layout: Layout, translate: bool, sink: Arc<dyn KeySink>, ctrl_alt_del: fn()) -> Keyboard {
        let scancodes = if translate { ScancodeSet::One } else { ScancodeSet::Two };
        Keyboard {
            port,
            device: Device::new(scancodes),
            decoder: Decoder::new(scancodes),
            translator: Translator::new(layout),
            layout,
            sink,
            ctrl_alt_del,
            leds: Leds::empty(),
            identity: (None, None),
            lost: 0,
            unheard: 0,
            reported: (0, 0),
            reported_at: 0,
        }
    }

    /// Begins anew with the device. Keyboards speak set 2, whatever the controller makes of it.
    fn start(&mut self) {
        self.leds = self.translator.leds();
        self.identity = (None, None);
        self.device.start(ScancodeSet::Two, self.leds);
        self.forget();
    }

    /// Half a scancode and keys that are held mean nothing any more.
    fn forget(&mut self) {
        self.decoder = Decoder::new(self.decoder.set());
        self.translator.release_all();
    }

    async fn send_commands(&mut self) {
        while let Some(byte) = self.device.to_send() {
            let taken = self.port.send(byte).await;
            // One that the controller hasn't taken is as good as one that nobody answers.
            self.device.sent(now());
            if !taken {
                let event = self.device.give_up();
                self.handle(event);
            }
        }
    }

    /// The next word from the wire; `None` when the device had a deadline and missed it.
    async fn next_word(&mut self) -> Option<u16> {
        let Some(deadline) = self.device.deadline() else { return Some(self.port.next().await) };
        if now() < deadline
            && let Ok(word) = timeout(deadline, self.port.next()).await
        {
            return Some(word);
        }
        // Should an interrupt have got lost, the answer lies in the controller.
        self.port.collect();
        // It may also wait in the ring, when this task had its turn late; a device that sends without end does not get away by that.
        if now() < deadline + GRACE
            && let Some(word) = self.port.input.pop()
        {
            return Some(word);
        }
        let event = self.device.give_up();
        self.handle(event);
        None
    }

    fn take(&mut self, word: u16) {
        if word & DAMAGED != 0 {
            log::debug!("keyboard: a byte came damaged");
            self.forget();
            return;
        }
        let event = self.device.receive(word as u8, now());
        self.handle(event);
        if self.leds != self.translator.leds() && self.device.is_present() && self.device.command(Command::SetLeds(self.translator.leds()))
        {
            self.leds = self.translator.leds();
        }
    }

    fn handle(&mut self, event: Option<Event>) {
        match event {
            None => {}
            Some(Event::Scancode(byte)) => {
                let unknown = self.decoder.unknown();
                if let Some(event) = self.decoder.add(byte) {
                    self.key(&event);
                } else if self.decoder.unknown() != unknown {
                    log::debug!("keyboard: no key has scancode {byte:#04x} of set {}", self.decoder.set() as u8);
                }
            }
            Some(Event::Overrun) => log::debug!("keyboard: more keys at once than it can tell"),
            Some(Event::Arrived) => {
                log::info!("keyboard: one was plugged in");
                self.start();
            }
            Some(Event::Finished(command, reply)) => self.finished(command, reply),
        }
    }

    fn finished(&mut self, command: Command, reply: Reply) {
        match (command, reply) {
            (Command::Reset, Reply::Failed(Failure::NoAnswer)) => log::info!("keyboard: none answers at the i8042 controller"),
            (_, Reply::Failed(failure)) => log::warn!("keyboard: {command:?} failed: {failure:?}"),
            (_, Reply::Identity(first, second)) => self.identity = (first, second),
            (Command::Enable, Reply::Done) => {
                let (Some(first), Some(second)) = self.identity else {
                    log::info!(
                        "keyboard: ready, of unknown kind, scancode set {}, layout {}",
                        self.decoder.set() as u8,
                        self.layout.name()
                    );
                    return;
                };
                let set = self.decoder.set() as u8;
                log::info!("keyboard: ready, kind {first:02x}{second:02x}, scancode set {set}, layout {}", self.layout.name());
            }
            (_, Reply::Done) => {}
        }
    }

    fn key(&mut self, event: &KeyEvent) {
        match self.translator.translate(event, self.sink.modes()) {
            None => {}
            Some(Action::Type(bytes)) => {
                let bytes = bytes.as_slice();
                self.unheard += bytes.len().saturating_sub(self.sink.input(bytes)) as u64;
            }
            Some(Action::Console(number)) => self.sink.switch_to(number),
            Some(Action::ScrollBack) => self.sink.scroll(true),
            Some(Action::ScrollForward) => self.sink.scroll(false),
            Some(Action::Hold(on)) => self.sink.hold(on),
            Some(Action::SysRq(key)) => sysrq::handle(key),
            Some(Action::Restart) => (self.ctrl_alt_del)(),
        }
    }

    /// Tells the log how many bytes were lost so far, if there are new ones.
    fn report_losses(&mut self) {
        let losses = (self.port.lost.load(Ordering::Relaxed), self.unheard);
        if losses.0 != self.lost {
            self.lost = losses.0;
            self.forget();
        }
        if losses == self.reported || self.reported_at != 0 && now() < self.reported_at + REPORT_EVERY {
            return;
        }
        log::warn!("keyboard: {} bytes came too fast and were lost, {} found no room in the terminal", losses.0, losses.1);
        self.reported = losses;
        self.reported_at = now();
    }
}
