// Arguments and results taken apart and put together again: tensors alone, or in tuples, records, lists and arrays. The one
// place that uses reflection: it is how a record is read and copied without a word about it in the model.

using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Capture;

/// <summary>One thing that a call is given.</summary>
/// <param name="Label">Where it stands, for example input.Sample or skips[2].</param>
/// <param name="Value">A tensor; a <see cref="float"/>, <see cref="double"/> or <see cref="Half"/>; or anything else, which is compared with Equals.</param>
internal sealed record Part(string Label, object? Value)
{
    public bool IsFloat => Value is float or double or Half;
}

internal static class Structure
{
    private static readonly ConcurrentDictionary<Type, FieldInfo[]?> s_fields = new();
    private static readonly MethodInfo s_copy = typeof(object).GetMethod("MemberwiseClone", BindingFlags.Instance | BindingFlags.NonPublic)!;

    /// <summary>Everything that a value holds, in order.</summary>
    /// <exception cref="BrushfireException">It holds tensors in a kind of collection that has no order of its own.</exception>
    public static IEnumerable<Part> Parts(string label, object? value)
    {
        switch (value)
        {
            case null or Tensor or string or Shape:
                return [new Part(label, value)];
            case CancellationToken:
                return [];
            case IList list when !IsTable(list):
                return list.Cast<object?>().SelectMany((item, i) => Parts($"{label}[{i}]", item)).Prepend(new Part($"{label}.Count", list.Count));
            case IEnumerable:
                throw new BrushfireException($"{label} is a {value.GetType().Name}, which a compiled function cannot take apart; use a list, an array, a tuple or a record.");
        }

        return FieldsOf(value.GetType()) is { } fields
            ? fields.SelectMany(field => Parts($"{label}.{NameOf(field)}", field.GetValue(value)))
            : [new Part(label, value)];
    }

    /// <summary>The same structure with other tensors.</summary>
    public static object? Replace(object? value, Func<Tensor, Tensor> replace)
    {
        switch (value)
        {
            case null or string or Shape or CancellationToken:
                return value;
            case Tensor tensor:
                return replace(tensor);
            case Array array when !IsTable(array):
                var copy = (Array)array.Clone();
                for (int i = 0; i < copy.Length; i++) copy.SetValue(Replace(copy.GetValue(i), replace), i);
                return copy;
            case IList list when !IsTable(list):
                return ReplaceList(list, replace);
            case IEnumerable:
                throw new BrushfireException($"A compiled function cannot return a {value.GetType().Name}; return a list, an array, a tuple or a record.");
        }

        return FieldsOf(value.GetType()) is { } fields ? ReplaceFields(value, fields, replace) : value;
    }

    // An array of several dimensions has no one order.
    private static bool IsTable(IList list) => list is Array { Rank: > 1 };

    // Lists of any kind become the framework's: what a collection expression makes for an interface is no type of its own.
    private static IList ReplaceList(IList list, Func<Tensor, Tensor> replace)
    {
        Type type = list.GetType();
        Type item = type.GetInterfaces().FirstOrDefault(shape => shape.IsGenericType && shape.GetGenericTypeDefinition() == typeof(IEnumerable<>))?.GetGenericArguments()[0] ?? typeof(object);
        object?[] items = [.. list.Cast<object?>().Select(element => Replace(element, replace))];
        IList copy = type == typeof(List<>).MakeGenericType(item) ? (IList)Activator.CreateInstance(type)! : Array.CreateInstance(item, items.Length);
        for (int i = 0; i < items.Length; i++)
        {
            if (copy.IsFixedSize) copy[i] = items[i];
            else copy.Add(items[i]);
        }

        return copy;
    }

    private static object ReplaceFields(object value, FieldInfo[] fields, Func<Tensor, Tensor> replace)
    {
        object copy = s_copy.Invoke(value, null)!;
        foreach (FieldInfo field in fields)
        {
            object? old = field.GetValue(value), replaced = Replace(old, replace);
            if (!ReferenceEquals(old, replaced)) field.SetValue(copy, replaced);
        }

        return copy;
    }

    // The fields of a tuple, record or other struct; null for what is compared as a whole.
    private static FieldInfo[]? FieldsOf(Type type) => s_fields.GetOrAdd(type, static type =>
    {
        bool isRecord = type.GetMethod("<Clone>$") is not null;
        bool isStruct = type.IsValueType && !type.IsPrimitive && !type.IsEnum && type != typeof(Half) && type != typeof(decimal);
        if (!isRecord && !isStruct) return null;
        List<FieldInfo> fields = [];
        for (Type? level = type; level is not null && level != typeof(object) && level != typeof(ValueType); level = level.BaseType)
            fields.InsertRange(0, level.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly));
        return [.. fields];
    });

    // An automatic property's field is named <Sample>k__BackingField.
    private static string NameOf(FieldInfo field) =>
        field.IsDefined(typeof(CompilerGeneratedAttribute)) && field.Name.IndexOf('>', StringComparison.Ordinal) is > 1 and var end ? field.Name[1..end] : field.Name;
}
