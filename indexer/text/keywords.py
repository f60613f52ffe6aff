"""Which words are never an author's choice? One fixed list of keywords for all languages.

In the renamed stream these stay as they are; every other word is an identifier. A word that is reserved in one language and
an everyday name in others (`type`, `object`, `val`) is left out: keeping it would hide a renaming there.
"""

# On disk: this list goes into fingerprints of the renamed channel; changing it needs a new spec name.
KEYWORDS = tuple(
    """
    abstract alignas alignof and as asm assert async auto await base begin bool boolean break byte case catch char class companion
    const constexpr consteval constinit continue co_await co_return co_yield crate debugger decltype def default defer del delete
    do done double dyn echo elif else elseif elsif end endfor endforeach endif endswitch endwhile ensure enum esac except explicit
    export extends extern fallthrough false False fi final finally float fn for foreach friend from func function global go goto if
    impl implements import in include inline instanceof int interface internal is isset lambda let long loop match mod module mut
    mutable namespace native new nil noexcept None nonlocal not null nullptr operator or override package pass private protected
    protocol pub public raise readonly redo ref register reinterpret_cast require rescue restrict rethrow retry return sealed self
    Self short signed sizeof static static_assert static_cast const_cast dynamic_cast strictfp struct super switch synchronized
    template then this thread_local throw throws trait transient true True try typedef typeid typename typeof undef undefined union
    unless unsafe unsigned until use using var virtual void volatile wchar_t when where while with xor yield
    i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 isize usize f32 f64
    int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t size_t ssize_t
    define defined elifdef endif error ifdef ifndef pragma
    SELECT FROM WHERE INSERT UPDATE DELETE INTO VALUES JOIN CREATE TABLE
    """.split()
)
