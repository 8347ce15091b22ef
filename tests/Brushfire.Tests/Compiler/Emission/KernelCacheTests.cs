// The cache of compiled kernels: what was compiled is found again, whatever else happens to the folder.

using Brushfire.Compiler.Emission;

namespace Brushfire.Tests.Compiler.Emission;

public sealed class KernelCacheTests
{
    private static readonly byte[] s_image = [.. Enumerable.Range(0, 1000).Select(i => (byte)i)];

    [Fact]
    public void A_second_process_does_not_compile()
    {
        using var folder = new TempFolder();
        Assert.Equal(s_image, new KernelCache(folder.Path).GetOrAdd(["a", "b"], _ => s_image));
        Assert.Equal(s_image, new KernelCache(folder.Path).GetOrAdd(["a", "b"], _ => throw new InvalidOperationException("compiled again")));
    }

    [Fact]
    public void Other_sources_are_another_entry()
    {
        Assert.NotEqual(KernelCache.KeyOf(["a", "b"]), KernelCache.KeyOf(["ab"]));
        Assert.NotEqual(KernelCache.KeyOf(["a", "b"]), KernelCache.KeyOf(["b", "a"]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(500)]
    public void A_cut_file_is_made_anew(int length) => Damage(file => File.WriteAllBytes(file, File.ReadAllBytes(file)[..length]));

    [Theory]
    [InlineData(0)]
    [InlineData(33)]
    [InlineData(700)]
    public void A_file_with_a_wrong_byte_is_made_anew(int place) => Damage(file =>
    {
        byte[] content = File.ReadAllBytes(file);
        content[place] ^= 1;
        File.WriteAllBytes(file, content);
    });

    [Fact]
    public void Many_at_once_leave_whole_files_only()
    {
        using var folder = new TempFolder();
        Parallel.For(0, 64, i =>
        {
            byte[] image = [.. s_image, (byte)(i % 4)];
            Assert.Equal(image, new KernelCache(folder.Path).GetOrAdd([$"{i % 4}"], _ => image));
        });
        Assert.Equal(4, Directory.GetFiles(folder.Path).Length);
    }

    [Fact]
    public void The_oldest_files_make_room()
    {
        using var folder = new TempFolder();
        var cache = new KernelCache(folder.Path, limit: 2500);
        for (int i = 0; i < 4; i++)
        {
            cache.GetOrAdd([$"{i}"], _ => s_image);
            foreach (string file in Directory.GetFiles(folder.Path)) File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddMinutes(-1));
        }

        Assert.Equal(2, Directory.GetFiles(folder.Path).Length);
        cache.GetOrAdd(["3"], _ => throw new InvalidOperationException("the newest is gone"));
    }

    [Fact]
    public void What_a_crash_left_unfinished_goes_and_what_is_being_written_stays()
    {
        using var folder = new TempFolder();
        foreach (string name in new[] { "old.tmp", "new.tmp" }) File.WriteAllText(folder[name], "");
        File.SetLastWriteTimeUtc(folder["old.tmp"], DateTime.UtcNow.AddHours(-2));
        new KernelCache(folder.Path).GetOrAdd(["a"], _ => s_image);
        Assert.Equal(["new.tmp"], Directory.GetFiles(folder.Path, "*.tmp").Select(Path.GetFileName));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_only_costs_time()
    {
        using var folder = new TempFolder();
        string file = Path.Combine(folder.Path, "file");
        File.WriteAllText(file, "");
        Assert.Equal(s_image, new KernelCache(Path.Combine(file, "cache")).GetOrAdd(["a"], _ => s_image));
    }

    private static void Damage(Action<string> damage)
    {
        using var folder = new TempFolder();
        new KernelCache(folder.Path).GetOrAdd(["a"], _ => s_image);
        damage(Assert.Single(Directory.GetFiles(folder.Path)));
        int compiled = 0;
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(s_image, new KernelCache(folder.Path).GetOrAdd(["a"], _ =>
            {
                compiled++;
                return s_image;
            }));
        }

        Assert.Equal(1, compiled);
    }
}
