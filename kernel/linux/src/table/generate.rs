//! The macro that turns the table of system calls into dispatch code, waiting code and descriptions.
//!
//! A line reads `NUMBER name(argument: Kind, …) = module::handler;` and, for a call that may wait, ends in `, waits module::waiter;`.
//! The handler is called as `handler(&mut call, argument, …)` and finishes at once or says [`Stop::Wait`](crate::call::Stop::Wait);
//! then the waiter, an `async fn(&mut call, [usize; 6], progress)`, is awaited. Dispatch is one `match` on the number, which the
//! compiler turns into a jump table with the small handlers inlined.

/// One line of the table, for traces and documentation.
pub struct Description {
    pub number: usize,
    pub name: &'static str,
    pub arguments: &'static [(&'static str, crate::argument::Kind)],
    pub waits: bool,
}

macro_rules! call_handler {
    ($handler:path, $call:ident, $args:ident, []) => {
        $handler($call)
    };
    ($handler:path, $call:ident, $args:ident, [$a:ident]) => {
        $handler($call, decode::<argument::$a>($args[0]))
    };
    ($handler:path, $call:ident, $args:ident, [$a:ident $b:ident]) => {
        $handler($call, decode::<argument::$a>($args[0]), decode::<argument::$b>($args[1]))
    };
    ($handler:path, $call:ident, $args:ident, [$a:ident $b:ident $c:ident]) => {
        $handler($call, decode::<argument::$a>($args[0]), decode::<argument::$b>($args[1]), decode::<argument::$c>($args[2]))
    };
    ($handler:path, $call:ident, $args:ident, [$a:ident $b:ident $c:ident $d:ident]) => {
        $handler(
            $call,
            decode::<argument::$a>($args[0]),
            decode::<argument::$b>($args[1]),
            decode::<argument::$c>($args[2]),
            decode::<argument::$d>($args[3]),
        )
    };
    ($handler:path, $call:ident, $args:ident, [$a:ident $b:ident $c:ident $d:ident $e:ident]) => {
        $handler(
            $call,
            decode::<argument::$a>($args[0]),
            decode::<argument::$b>($args[1]),
            decode::<argument::$c>($args[2]),
            decode::<argument::$d>($args[3]),
            decode::<argument::$e>($args[4]),
        )
    };
    ($handler:path, $call:ident, $args:ident, [$a:ident $b:ident $c:ident $d:ident $e:ident $f:ident]) => {
        $handler(
            $call,
            decode::<argument::$a>($args[0]),
            decode::<argument::$b>($args[1]),
            decode::<argument::$c>($args[2]),
            decode::<argument::$d>($args[3]),
            decode::<argument::$e>($args[4]),
            decode::<argument::$f>($args[5]),
        )
    };
}

macro_rules! system_calls {
    ($($number:literal $name:ident($($argument:ident: $kind:ident),*) = $handler:path $(, waits $waiter:path)?;)*) => {
        /// Runs the synchronous half of a call; ENOSYS for a number that the table does not hold.
        #[inline]
        pub fn dispatch(call: &mut Call<'_>, number: usize) -> Outcome {
            match number {
                // The arguments are fetched in the arm, so that a call without any fetches none.
                $($number => {
                    #[allow(unused_variables, reason = "calls without arguments")]
                    let args = call.arguments();
                    call_handler!($handler, call, args, [$($kind)*])
                })*
                _ => unknown(number),
            }
        }

        /// Runs the waiting half of a call that said [`Stop::Wait`](crate::call::Stop::Wait).
        pub async fn wait(call: &mut Call<'_>, number: usize, args: [usize; 6], progress: usize) -> Result<usize> {
            match number {
                $($($number => $waiter(call, args, progress).await,)?)*
                _ => Err(Errno::ENOSYS),
            }
        }

        /// The table itself, in the order of the numbers.
        pub static DESCRIPTIONS: &[Description] = &[
            $(Description {
                number: $number,
                name: stringify!($name),
                arguments: &[$((stringify!($argument), <argument::$kind as argument::Argument>::KIND)),*],
                waits: {
                    let waiters: &[&str] = &[$(stringify!($waiter))?];
                    !waiters.is_empty()
                },
            },)*
        ];
    };
}

pub(crate) use {call_handler, system_calls};
