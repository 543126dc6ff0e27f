//! Which calls are made, with which kinds of arguments.

use crate::arguments::Material;
use user::random::Random;

/// The highest number that is tried, plus one.
const NUMBERS: usize = 450;

/// Never called: they end or change the whole system (and say nothing new about bad arguments), leave things behind that outlive the
/// program, reach other machines, or take the driver's means away.
const DENIED: &[i64] = &[
    60, 231, // exit, exit_group: the child's own end
    29, 30, 31, 67, 64, 65, 66, 220, 68, 69, 70, 71, // System V memory, semaphores, queues: they stay
    240, 241, 242, 243, 244, 245, // message queues: they stay
    42, 44, 46, 49, 50, 307, // connect, sendto, sendmsg, bind, listen, sendmmsg
    101, 310, 311, 424, 438, // ptrace, other processes' memory, signals and descriptors
    103, 142, 144, 314, // syslog, scheduling classes
    153, 155, 161, 165, 166, 272, 308, 428, 429, 430, 431, 432, 442, // hangup, roots, mounts, namespaces
    159, 164, 227, 305, // the clock
    162, 306, // sync of everything: slow
    163, 167, 168, 169, 170, 171, 172, 173, // accounting, swap, reboot, names, ports
    174, 175, 176, 313, 246, 320, // modules, other kernels
    179, 443, 180, // quota, nfs
    248, 249, 250, 298, 321, 323, 425, 426, 427, // keys, perf, bpf, userfaultfd, io_uring
];

/// Calls that wait for ever when nothing comes: rarely.
const WAITING: &[i64] = &[34, 130, 128, 61, 247, 15, 232, 281, 441];

/// Numbers with the kinds of their arguments: d descriptor, p path, b pointer, l length, i integer, a page address, w process.
const KINDS: &[(i64, &str)] = &[
    (0, "dbl"),
    (1, "dbl"),
    (2, "pii"),
    (3, "d"),
    (4, "pb"),
    (5, "db"),
    (6, "pb"),
    (7, "bii"),
    (8, "dli"),
    (9, "aliidl"),
    (10, "ali"),
    (11, "al"),
    (12, "a"),
    (13, "ibbi"),
    (14, "ibbi"),
    (16, "dib"),
    (17, "dbll"),
    (18, "dbll"),
    (19, "dbi"),
    (20, "dbi"),
    (21, "pi"),
    (22, "b"),
    (23, "ibbbb"),
    (25, "allia"),
    (26, "ali"),
    (27, "alb"),
    (28, "ali"),
    (32, "d"),
    (33, "dd"),
    (35, "bb"),
    (36, "ib"),
    (38, "ibb"),
    (40, "ddbl"),
    (59, "pbb"),
    (61, "wbib"),
    (62, "wi"),
    (72, "dib"),
    (73, "di"),
    (76, "pl"),
    (77, "dl"),
    (78, "dbl"),
    (79, "bl"),
    (80, "p"),
    (81, "d"),
    (82, "pp"),
    (83, "pi"),
    (84, "p"),
    (85, "pi"),
    (86, "pp"),
    (87, "p"),
    (88, "pp"),
    (89, "pbl"),
    (90, "pi"),
    (91, "di"),
    (92, "pii"),
    (97, "ib"),
    (98, "ib"),
    (99, "b"),
    (100, "b"),
    (129, "wib"),
    (131, "bb"),
    (133, "pii"),
    (137, "pb"),
    (138, "db"),
    (157, "iiiii"),
    (158, "ib"),
    (160, "ib"),
    (200, "wi"),
    (202, "biibbi"),
    (213, "i"),
    (217, "dbl"),
    (228, "ib"),
    (230, "iibb"),
    (232, "dbii"),
    (233, "didb"),
    (234, "wwi"),
    (247, "iibib"),
    (257, "dpii"),
    (262, "dpbi"),
    (263, "dpi"),
    (264, "dpdp"),
    (265, "dpdpi"),
    (266, "pdp"),
    (267, "dpbl"),
    (269, "dpi"),
    (270, "ibbbbb"),
    (271, "bibbi"),
    (273, "bl"),
    (275, "dbdbli"),
    (276, "ddli"),
    (280, "dpbi"),
    (281, "dbiibl"),
    (282, "dbl"),
    (283, "ii"),
    (284, "i"),
    (285, "dill"),
    (286, "dibb"),
    (287, "db"),
    (289, "dbli"),
    (290, "ii"),
    (291, "i"),
    (292, "ddi"),
    (293, "bi"),
    (295, "dbil"),
    (296, "dbil"),
    (297, "wwib"),
    (302, "wibb"),
    (316, "dpdpi"),
    (318, "bli"),
    (322, "dpbbi"),
    (326, "dbdbli"),
    (332, "dpiib"),
    (435, "bl"),
    (436, "dii"),
    (439, "dpii"),
    (441, "dbibbl"),
];

/// Calls whose first arguments name a process that gets a signal or a limit: never a stranger, whatever the kinds say.
const AIMED: &[(i64, usize)] = &[(62, 1), (129, 1), (200, 1), (234, 2), (297, 2), (302, 1), (61, 1), (109, 1)];

/// The next call.
pub fn next(random: &mut Random, material: &Material) -> (i64, [usize; 6]) {
    let number = number(random);
    let kinds = KINDS.iter().find(|(known, _)| *known == number).map_or("", |(_, kinds)| kinds);
    let wild = random.below(5) == 0;
    let mut arguments = [0; 6];
    for (argument, kind) in arguments.iter_mut().zip(kinds.bytes().chain([b'?'; 6])) {
        *argument = match kind {
            _ if wild => material.anything(random),
            b'd' => material.descriptor(random),
            b'p' => material.path(random),
            b'b' => material.pointer(random),
            b'l' => material.length(random),
            b'i' => material.integer(random),
            b'a' => material.page(random),
            b'w' => material.process(random),
            _ => material.anything(random),
        };
    }
    if let Some((_, count)) = AIMED.iter().find(|(aimed, _)| *aimed == number) {
        arguments[..*count].iter_mut().for_each(|argument| *argument = material.process(random));
    }
    if number == 72 && arguments[1] as i32 == libc::F_SETOWN {
        arguments[2] = material.process(random);
    }
    (number, arguments)
}

/// Half of the calls are ones whose arguments are known, the others anything.
fn number(random: &mut Random) -> i64 {
    loop {
        let number = if random.below(2) == 0 { random.below(NUMBERS) as i64 } else { KINDS[random.below(KINDS.len())].0 };
        let rare = WAITING.contains(&number) && random.below(20) != 0;
        if !DENIED.contains(&number) && !rare {
            return number;
        }
    }
}
