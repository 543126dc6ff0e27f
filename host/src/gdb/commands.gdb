# Commands for looking at Pollux with gdb. They read the kernel's own structures by name, so they follow its sources;
# `help user-defined` lists them.

define pollux-tasks
  set $first = *((&executor::cpu::EXECUTORS.values[0].tasks.data.0.value.head) as *mut *mut executor::task::Header)
  set $running = executor::cpu::EXECUTORS.values[0].current.p.value
  set $task = $first
  set $count = 0
  while $task as usize != 0
    if $task as usize == $running as usize
      printf "* "
    else
      printf "  "
    end
    printf "%5d polls  ", (*$task).polls.v.value
    output (*$task).name
    printf "  at %#lx\n", $task as usize
    set $count = $count + 1
    set $task = *((&(*$task).links.next) as *mut *mut executor::task::Header)
    if $task as usize == $first as usize
      loop_break
    end
  end
  printf "%d tasks on processor 0\n", $count
end
document pollux-tasks
Show the tasks of the first processor's executor: how often each was polled, its name and where its block lies.
The one that is being polled has a star. A task without a star waits: nothing of it is on any stack.
end

define pollux-user
  set $end = arch::x86_64::block::BLOCKS.0[0].tss.value.privileged_stack
  set $user = ($end - sizeof(arch::context::Registers) as u64) as *mut arch::context::Registers
  print *$user
end
document pollux-user
Show the registers of the user thread that entered the kernel last on the first processor, as ring 3 left them.
They stay in $user. (In ring 3 itself, `info registers` shows them.)
end

define pollux-pte
  set language c
  set $va = (unsigned long) $arg0
  set $table = $cr3 & 0x000ffffffffff000
  set $level = 4
  while $level > 0
    set $slot = 0xffff800000000000 + $table + 8 * (($va >> (3 + 9 * $level)) & 511)
    set $entry = *(unsigned long *) $slot
    printf "level %d: entry at %#lx is 0x%016lx", $level, $slot, $entry
    if $entry & 1
      printf " present"
    end
    if $entry & 2
      printf " writable"
    end
    if $entry & 4
      printf " user"
    end
    if $entry & 0x20
      printf " accessed"
    end
    if $entry & 0x40
      printf " dirty"
    end
    if $entry >> 63
      printf " no-execute"
    end
    printf "\n"
    if !($entry & 1)
      printf "%#lx is not mapped\n", $va
      loop_break
    end
    if $level == 1 || ($level < 4 && ($entry & 0x80))
      set $offset = (1ul << (3 + 9 * $level)) - 1
      printf "%#lx is physical %#lx\n", $va, ($entry & 0x000ffffffffff000 & ~$offset) | ($va & $offset)
      loop_break
    end
    set $table = $entry & 0x000ffffffffff000
    set $level = $level - 1
  end
  set language auto
end
document pollux-pte
Walk the page tables for an address: pollux-pte ADDRESS. Each level's entry is shown with what its bits mean.
The page tables are read through the kernel's map of all physical memory, so this works from kernel_main on.
end

define pollux-watch-pte
  pollux-pte $arg0
  set language c
  eval "watch *(unsigned long *) %#lx", $slot
  set language auto
end
document pollux-watch-pte
Stop when the page-table entry for an address changes: pollux-watch-pte ADDRESS. It watches the entry that the walk ended at.
Accessed and dirty bits, which the processor itself sets, don't count.
end
