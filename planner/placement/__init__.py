"""The rank table: crossing bytes, the independent checker, the file, orders to compare with."""
